# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The example of docs/publishing.md, as it stands there: built, tried, signed, looked at, installed, run.

The lines that it says to type are typed, in a shell, but for what stands in `Example.typed`.
"""

import base64
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
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


def commands() -> list[str]:
    """What the example says to type."""
    behind = DOCUMENT.read_text("utf-8").partition("ways to sign stand [below](#signatures):\n\n")[2]
    return [line.removeprefix("    ") for line in behind.partition("\n\n")[0].splitlines()]


@dataclass(frozen=True)
class Example:
    """The example in a directory, and who publishes it."""

    context: Path
    publisher: Publisher
    key: str

    def typed(self, line: str) -> str:
        """A line with this registry, lookaside and key in the place of its own, and nobody to ask."""
        host = self.publisher.registry.host
        for theirs, ours in (
            ("docker://registry.example.org/", f"docker://{host}/"),
            ("appctl lint registry.example.org/", f"appctl lint oci+http://{host}/"),
            ("https://signatures.example.org", self.publisher.lookaside.url),
            ("--sign-by KEY", f"--sign-by {self.key}"),
            ("appctl try ", "appctl try -y "),
        ):
            line = line.replace(theirs, ours)
        return line

    def types(self, line: str, machine: Machine) -> str:
        """Type it as a user of the machine; what it prints."""
        environment = {**machine.environment, "PATH": f"{self.context}:{machine.environment['PATH']}"}
        done = subprocess.run(
            ["sh", "-ec", self.typed(line)],
            cwd=self.context, env=environment, capture_output=True, check=False, text=True,
        )  # fmt: skip
        assert done.returncode == 0, (line, done)
        return done.stdout


@pytest.fixture(scope="module")
def written(publisher: Publisher, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Example]:
    """With a podman in the directory, to which an empty storage belongs."""
    context = tmp_path_factory.mktemp("context")
    files = example()
    assert files.keys() == {
        "Containerfile", "greet", "metadata", f"{APP_ID}.desktop", f"{APP_ID}.metainfo.xml", f"{APP_ID}.svg",
        f"{APP_ID}.png",
    }  # fmt: skip
    for name, text in files.items():
        (context / name).write_bytes(base64.b64decode(text) if name.endswith(".png") else text.encode())
    minimal_root(context / "root")
    with Podman(publisher) as podman:
        podman.stand_in(context)
        yield Example(context, publisher, publisher.keys.make("greeters"))


@pytest.fixture
def machine(lent: Machine) -> Machine:
    return lent


def reference(publisher: Publisher) -> str:
    return f"{publisher.registry.host}/apps/greeter:1"


def test_the_example_is_without_fault_and_installs(
    written: Example, publisher: Publisher, machine: Machine, tmp_path: Path
) -> None:
    build, pack, try_it, push, lint = commands()
    for line in (build, pack):
        written.types(line, machine)
    assert written.types(try_it, machine).endswith("Hello, you\n")
    assert machine.appctl("list", "--json").json == []
    written.types(push, machine)
    image, *findings = written.types(lint, machine).splitlines()
    assert (image, [one.split()[0] for one in findings]) == (reference(publisher), ["note:"]), findings
    assert findings[0].endswith("[signed]")

    key, host = written.key, publisher.registry.host
    (tmp_path / "key.asc").write_bytes(publisher.keys.export(key, armor=True))
    machine.add_remote("greeters", f"oci+http://{host}/apps", tmp_path / "key.asc", publisher.lookaside.url)
    app = machine.appctl("install", "-y", "--json", reference(publisher)).json["apps"][0]
    assert (app["id"], app["version"], app["signer"]) == (APP_ID, "1.0", key)
    assert machine.run_app(APP_ID).out == "Hello, world\n"


def test_the_example_is_listed_by_the_line_that_lists_it(
    written: Example, publisher: Publisher, machine: Machine, tmp_path: Path
) -> None:
    """The line of the document, with a registry of loopback in the place of its own."""
    host = publisher.registry.host
    build, _, _, push, _ = commands()
    for line in (build, push):
        written.types(line, machine)
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
