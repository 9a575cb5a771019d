# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A publisher's file, from its maker to the installed app: registry, TLS, keys and daemon, all real."""

import base64
from pathlib import Path

import jsonschema
import pytest

from json_schemas import schemas
from support.images.greeter import APP_ID, build
from support.machines.machine import Machine
from support.people.answered import answered
from support.publishers.attachments import push
from support.publishers.publisher import Publisher
from support.servers.fake_registry import loopback_identity
from support.signatures.cosign import CosignKey

KEY, STRANGER = CosignKey(), CosignKey()


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory, publisher: Publisher) -> Path:
    """A signed image in a registry that speaks TLS, and the certificate to know it by."""
    work = tmp_path_factory.mktemp("layers")
    build(publisher.layout, work, 1)
    registry = publisher.registry
    digest = registry.push(publisher.layout.source("v1"), "acme/greeter:stable")
    signature = KEY.attach(digest, f"{registry.host}/acme/greeter:stable")
    push(registry.host, "acme/greeter", digest, signature)
    registry.stop()
    directory = tmp_path_factory.mktemp("tls")
    _, pem = loopback_identity(directory, "127.0.0.1")
    registry.identity = directory / "server.pem"
    registry.start()
    (directory / "ca.pem").write_text(pem)
    return directory / "ca.pem"


@pytest.fixture
def machine(lent: Machine) -> Machine:
    return lent


def file(directory: Path, name: str, host: str, key: CosignKey, **more: str) -> str:
    """What a publisher gives away."""
    values = {
        "Version": "1",
        "Name": "acme",
        "Url": f"https://{host}/acme",
        "CosignKey": base64.b64encode(key.pem).decode(),
        **more,
    }
    path = directory / name
    path.write_text("\n".join(["[Appctl Remote]", *(f"{key}={value}" for key, value in values.items())]))
    return str(path)


def test_from_a_publishers_file_to_its_app(
    machine: Machine, publisher: Publisher, ca: Path, tmp_path: Path
) -> None:
    host = publisher.registry.host
    given = file(tmp_path, "acme.appctlremote", host, KEY, Ids=APP_ID)
    assert answered(machine, "n\n", "remote", "add", given).code == 130
    machine.appctl("remote", "add", "-y", given, code=64)
    assert machine.appctl("remote", "list", "--json").json == []

    added = answered(machine, "y\n", "remote", "add", given, "--ca-file", str(ca))
    assert added.code == 0, added
    assert KEY.fingerprint in added.err
    assert f"{host}/acme" in added.err
    shown = machine.appctl("remote", "show", "acme", "--json").json
    assert (shown["verify"], shown["fingerprints"]) == ("cosign", [KEY.fingerprint])

    again = machine.appctl("remote", "add", given, "--json").json
    assert (again["changed"], again["name"]) == (False, "acme")
    named = file(tmp_path, "greeter.appctlref", host, KEY, Name="other", Ref=f"{host}/acme/greeter:stable")
    machine.appctl("install", "-y", named)
    assert machine.appctl("info", "greeter", "--json").json["id"] == APP_ID

    swapped = file(tmp_path, "evil.appctlremote", host, STRANGER)
    refused = machine.appctl("remote", "add", swapped, code=1)
    assert f"does not trust {STRANGER.fingerprint}" in refused.err
    assert "appctl help key-change" in refused.err
    after = machine.appctl("remote", "show", "acme", "--json").json
    assert after["fingerprints"] == [KEY.fingerprint]

    exported = tmp_path / "exported.appctlremote"
    left = machine.appctl("remote", "export", "acme", str(exported))
    assert "not in the file: its certificates" in left.err
    printed = machine.appctl("remote", "export", "acme", "--json").json
    jsonschema.validate(printed, schemas()["remote-file"], cls=jsonschema.Draft202012Validator)
    assert (printed["text"], printed["left_out"]) == (exported.read_text(), ["its certificates"])
    machine.appctl("uninstall", "-y", APP_ID)
    machine.appctl("remote", "remove", "acme")
    assert answered(machine, "y\n", "remote", "add", str(exported), "--ca-file", str(ca)).code == 0
    machine.appctl("install", "-y", f"{host}/acme/greeter:stable")


def test_an_image_that_another_key_signed_is_not_installed(
    machine: Machine, publisher: Publisher, ca: Path, tmp_path: Path
) -> None:
    host = publisher.registry.host
    given = file(tmp_path, "acme.appctlref", host, STRANGER, Ref=f"{host}/acme/greeter:stable")
    assert answered(machine, "y\n", "remote", "add", given, "--ca-file", str(ca)).code == 0
    assert "UntrustedSigner" in str(machine.appctl("install", "-y", "--json", given, code=5).json)
