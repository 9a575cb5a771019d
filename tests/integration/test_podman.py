# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Images that podman built and signed, in each way in which it pushes them: they install, and run."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.images.greeter import minimal_root
from support.machines.machine import Machine
from support.publishers.podman import Podman
from support.publishers.publisher import Publisher

CONTAINERFILE = """\
FROM scratch
COPY root/ /
COPY --chmod=755 greet /usr/bin/greet
LABEL org.appctl.id=org.example.Podman org.opencontainers.image.version=1.5
ENV WHO=podman
ENTRYPOINT ["/usr/bin/greet"]
"""
OCI = "application/vnd.oci.image.manifest.v1+json"
DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
WAYS = {  # what it is told, and what comes of it: the manifest's type, and the end of the layers'
    "gzip": (["--format=oci"], OCI, "tar+gzip"),
    "zstd": (["--format=oci", "--compression-format=zstd"], OCI, "tar+zstd"),
    "zstd-chunked": (["--format=oci", "--compression-format=zstd:chunked"], OCI, "tar+zstd"),
    "docker": (["--format=v2s2"], DOCKER, "tar.gzip"),
}


@pytest.fixture(scope="module")
def key(publisher: Publisher) -> str:
    return publisher.keys.make("podman")


@pytest.fixture(scope="module")
def podman(publisher: Publisher, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Podman]:
    """With an image of three layers, `greet`."""
    context = tmp_path_factory.mktemp("context")
    minimal_root(context / "root")
    (context / "greet").write_text('#!/bin/sh\necho "Hello from $WHO: $*"\n')
    (context / "Containerfile").write_text(CONTAINERFILE)
    with Podman(publisher) as podman:
        podman.build("greet", context)
        yield podman


@pytest.fixture
def machine(lent: Machine) -> Machine:
    return lent


@pytest.mark.parametrize("way", WAYS)
def test_what_podman_pushed_installs_runs_and_leaves_as_it_was(
    way: str, podman: Podman, publisher: Publisher, key: str, machine: Machine, tmp_path: Path
) -> None:
    options, media_type, layers = WAYS[way]
    podman.push("greet", f"podman/{way}:1", key, *options)
    host = publisher.registry.host
    command = ["skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{host}/podman/{way}:1"]
    manifest = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert manifest["mediaType"] == media_type
    assert {
        layer["mediaType"].partition("diff.")[2] or layer["mediaType"][-8:] for layer in manifest["layers"]
    } == {layers}
    (tmp_path / "key.asc").write_bytes(publisher.keys.export(key, armor=True))
    machine.add_remote("podman", f"oci+http://{host}/podman", tmp_path / "key.asc", publisher.lookaside.url)
    app = machine.appctl("install", "-y", "--json", f"{host}/podman/{way}:1").json["apps"][0]
    assert (app["id"], app["version"], app["signer"]) == ("org.example.Podman", "1.5", key)
    assert machine.run_app("org.example.Podman", "--", "you").out == "Hello from podman: you\n"
    machine.appctl("verify")
    exported = machine.appctl("export", "org.example.Podman", f"oci:{tmp_path / 'out'}", "--json").json
    assert exported["apps"][0]["digest"] == app["image_digest"]
