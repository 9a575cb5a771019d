# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The example of docs/publishing.md, as it stands there: built, looked at, tried, signed, installed, run."""

import base64
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.images.greeter import minimal_root
from support.machines.machine import Machine
from support.publishers.podman import Podman
from support.publishers.publisher import Publisher
from support.signatures.cosign import CosignKey

DOCUMENT = Path(__file__).parents[2] / "docs" / "publishing.md"
APP_ID = "org.example.Greeter"


def example() -> dict[str, str]:
    """The files of the example: what is named before an indented block."""
    section = DOCUMENT.read_text("utf-8").partition("## From a Containerfile\n")[2].partition("\n## ")[0]
    blocks = re.finditer(r"((?:^(?!    )\S.*\n)+)\n((?:^(?:    .*)?\n)+)", section, re.MULTILINE)
    found = {}
    for block in blocks:
        names = re.findall(r"`([\w.]+)`", block[1])
        if names and block[1].rstrip().endswith(":"):
            text = "".join(line.removeprefix("    ") + "\n" for line in block[2].rstrip("\n").split("\n"))
            found[names[-1] if block[1].rstrip().endswith(f"`{names[-1]}`:") else names[0]] = text
    return found


def commands() -> str:
    """What the example says to type."""
    return DOCUMENT.read_text("utf-8").partition("podman signs what it pushes:\n")[2].partition("\nWhere")[0]


@pytest.fixture(scope="module")
def podman(publisher: Publisher, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Podman]:
    """With the example built as the document says."""
    context = tmp_path_factory.mktemp("context")
    files = example()
    assert files.keys() == {
        "Containerfile", "greet", "metadata", f"{APP_ID}.desktop", f"{APP_ID}.metainfo.xml", f"{APP_ID}.svg",
        f"{APP_ID}.png",
    }  # fmt: skip
    for name, text in files.items():
        (context / name).write_bytes(base64.b64decode(text) if name.endswith(".png") else text.encode())
    minimal_root(context / "root")
    assert '--build-arg "metadata=$(cat metadata)"' in commands()
    argument = f"metadata={files['metadata'].rstrip()}"  # as a shell has it
    with Podman(publisher) as podman:
        podman.build("greeter", context, "--format=oci", "--build-arg", argument)
        yield podman


def test_the_example_is_without_fault_and_installs(
    podman: Podman, publisher: Publisher, machine: Machine, tmp_path: Path
) -> None:
    key, host = publisher.keys.make("greeters"), publisher.registry.host
    (tmp_path / "key.asc").write_bytes(publisher.keys.export(key, armor=True))
    podman.push("greeter", "apps/greeter:1", key, "--format=oci")
    reference = f"{host}/apps/greeter:1"

    found = machine.appctl(
        "lint", f"oci+http://{reference}", "--lookaside", publisher.lookaside.url, "--json"
    ).json
    assert [(one["code"], one["level"]) for one in found["findings"]] == [("signed", "note")], found

    archive = tmp_path / "greeter.tar"
    copy = ["skopeo", "copy", "--quiet", "--src-tls-verify=false", f"docker://{reference}"]
    subprocess.run([*copy, f"oci-archive:{archive}:{reference}"], check=True)
    tried = machine.appctl("try", "-y", f"oci-archive:{archive}", "--", "you")
    assert tried.out.endswith("Hello, you\n")
    assert machine.appctl("list", "--json").json == []

    machine.add_remote("greeters", f"oci+http://{host}/apps", tmp_path / "key.asc", publisher.lookaside.url)
    app = machine.appctl("install", "-y", "--json", reference).json["apps"][0]
    assert (app["id"], app["version"], app["signer"]) == (APP_ID, "1.0", key)
    assert machine.run_app(APP_ID).out == "Hello, world\n"


def test_the_example_is_listed_by_the_line_that_lists_it(
    podman: Podman, publisher: Publisher, machine: Machine, tmp_path: Path
) -> None:
    """The line of the document, with a registry of loopback in the place of its own."""
    key, host = publisher.keys.make("listers"), publisher.registry.host
    podman.push("greeter", "apps/greeter:1", key, "--format=oci")
    (tmp_path / "key.pem").write_bytes(CosignKey().private_pem)
    (line,) = re.findall(r"^    appctl (publish --catalog .*)$", DOCUMENT.read_text("utf-8"), re.MULTILINE)
    told = line.replace("docker://", "").replace("registry.example.org", f"oci+http://{host}")
    answer = machine.appctl(*told.replace("key.pem", str(tmp_path / "key.pem")).split(), "--json").json
    assert answer["apps"] == [{"id": APP_ID, "reference": f"{host}/apps/greeter:1", "icons": ["64x64"]}]
    assert answer["remarks"] == []
    assert answer["name"] == f"{host}/apps/appctl-catalog:latest"
    assert len(answer["signatures"]) == 1


def test_the_publishers_file_of_the_document_is_one() -> None:
    from appctld.config.publisherfile import KNOWN, parse_publisher_file  # noqa: PLC0415 - of this test
    from support.images.golden import FIXTURES  # noqa: PLC0415 - of this test

    text = DOCUMENT.read_text("utf-8")
    block = text[text.index("    [Appctl Remote]") :].partition("\n\n")[0]
    lines = [line.removeprefix("    ") for line in block.split("\n")]
    key = base64.b64encode((FIXTURES / "keys/publisher.gpg").read_bytes()).decode()
    written = "\n".join(lines).replace("BASE64", key)
    assert parse_publisher_file(written.encode()).remote.name == "greeters"
    assert all(f"`{name}`" in text or f"{name}=" in text for name in KNOWN)
