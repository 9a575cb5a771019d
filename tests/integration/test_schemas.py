# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What `--json` really prints is what its schema says, and nothing is printed that no schema names."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from appctl.commandline.commands import COMMANDS
from json_schemas import Schema, schemas
from support.images.greeter import build
from support.machines.called import Near
from support.machines.machine import BIN, Machine
from support.publishers.publisher import Publisher

SCHEMAS = schemas()
DOCUMENT = Path(__file__).resolve().parents[2] / "docs/json.md"
WITHOUT = {"run", "try", "help", "completion"}


def closed(schema: Any) -> Any:  # noqa: ANN401 - as JSON has them
    """The same schema for today's output alone: with no key but those that it names."""
    if isinstance(schema, dict):
        inside = {key: closed(value) for key, value in schema.items()}
        return inside | ({"additionalProperties": False} if "properties" in schema else {})
    return [closed(item) for item in schema] if isinstance(schema, list) else schema


def holds(name: str, document: object) -> None:
    jsonschema.validate(document, closed(SCHEMAS[name]), cls=jsonschema.Draft202012Validator)


class Shop:
    """A machine and a publisher whose app has two versions."""

    def __init__(self, machine: Machine, publisher: Publisher, work: Path) -> None:
        self.machine, self.publisher, self.work = machine, publisher, work
        for version in (1, 2):
            (work / str(version)).mkdir()
            build(publisher.layout, work / str(version), version)
        self.key = publisher.keys.make("acme")
        self.file = work / "acme.asc"
        self.file.write_bytes(publisher.keys.export(self.key, armor=True))

    def prints(self, name: str, *words: str, code: int | None = 0) -> Any:  # noqa: ANN401 - what --json printed
        """Run the CLI; what it prints is of that schema."""
        document = self.machine.appctl(*words, "--json", code=code).json
        holds(name, document)
        return document

    def push(self, version: int) -> None:
        """Let the tag lead to that version."""
        self.publisher.push(f"v{version}", "acme/greeter:1", self.key)


@pytest.fixture(scope="module")
def shop(publisher: Publisher, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    work = tmp_path_factory.mktemp("shop")
    with Near(work / "machine", measured=False) as machine:
        yield Shop(machine, publisher, work)


def test_updates_that_nobody_asks_for(shop: Shop) -> None:
    shop.prints("automatic", "automatic", "check")
    assert shop.prints("result", "update", "--background")["automatic"] == "check"
    assert shop.prints("automatic", "automatic", "install")["last"]["because"] == ["policy"]


@pytest.mark.timeout(300)
def test_an_apps_life(shop: Shop) -> None:
    """In this order: each step needs the one before."""
    url = f"oci+http://{shop.publisher.registry.host}/acme"
    add = ("remote", "add", "acme", url, "--gpg-import", str(shop.file))
    shop.prints("remote", *add, "--lookaside", shop.publisher.lookaside.url)
    shop.prints("remote-changed", *add, "--if-not-exists")
    shop.prints("remote", "remote", "show", "acme")
    shop.prints("remote", "remote", "modify", "acme", "--title", "Acme")
    shop.prints("remotes", "remote", "list")
    shop.push(1)
    shop.prints("previews", "install", "-y", "--dry-run", "acme/greeter:1")
    assert shop.prints("result", "install", "-y", "acme/greeter:1")["changed"] is True
    assert shop.prints("result", "install", "-y", "acme/greeter:1")["changed"] is False
    assert len(shop.prints("result", "install", "-y", "acme/no:1", "acme/none:1", code=3)["errors"]) == 2
    shop.prints("updates", "update", "--check", code=2)
    shop.push(2)
    assert len(shop.prints("updates", "update", "--check")["updates"]) == 1
    shop.prints("list", "list", "--updates")
    shop.prints("result", "update", "-y")
    shop.prints("held", "hold", "greeter")
    assert shop.prints("result", "update")["held"] is True
    shop.prints("held", "unhold", "greeter")
    assert shop.prints("permissions", "permissions", "greeter")["permissions"] == []
    assert len(shop.prints("permissions", "override", "greeter", "--deny=network")["permissions"]) == 1
    shop.prints("permissions", "permissions", "greeter", "--reset")
    shop.prints("info", "info", "greeter")
    shop.prints("list", "list")
    shop.prints("exported", "export", "greeter", f"oci:{shop.work / 'exported'}")
    shop.prints(
        "published", "publish", "greeter", "--to", f"oci:{shop.work / 'published'}", "--as", "h.io/x:1"
    )
    findings = shop.prints("linted", "lint", f"oci:{shop.work / 'exported'}", code=None)["findings"]
    assert findings
    command = [str(BIN / "appctl"), "run", "--command=/bin/sh", "greeter", "-c", "echo here; read line"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=shop.machine.environment, stdin=pipe, stdout=pipe) as app:
        assert app.stdout is not None
        app.stdout.readline()
        assert len(shop.prints("running", "ps")) == 1
        shop.prints("stopped", "kill", "greeter")
    shop.prints("login", "logout", "registry.example")
    shop.prints("result", "rollback", "-y", "greeter")
    shop.prints("verify", "verify")
    shop.prints("repair", "repair", "--dry-run")
    assert len(shop.prints("history", "history")) >= 3
    shop.prints("jobs", "jobs")
    shop.prints("result", "uninstall", "-y", "greeter")
    shop.prints("prune", "prune", "-y")
    shop.prints("prune", "prune", "--dry-run")
    shop.prints("remote-changed", "remote", "remove", "acme", "-y")
    shop.prints("version", "version")
    shop.prints("doctor", "doctor")


def test_what_is_damaged(shop: Shop, tmp_path: Path) -> None:
    with Near(tmp_path / "machine", measured=False) as machine:
        other = Shop.__new__(Shop)
        other.__dict__.update(shop.__dict__, machine=machine)
        url = f"oci+http://{shop.publisher.registry.host}/acme"
        machine.add_remote("acme", url, shop.file, shop.publisher.lookaside.url)
        shop.push(1)
        machine.appctl("install", "-y", "acme/greeter:1")
        (words,) = machine.state.glob("apps/*/*.0/files/usr/share/greeter/words")
        words.unlink()
        assert other.prints("verify", "verify", code=1)["problems"]
        assert other.prints("repair", "repair")["actions"]
        declared = tmp_path / "greeter.conf"
        declared.write_text("[app]\nref=acme/greeter:1\nhold=yes\n")
        assert other.prints("applied", "apply", str(declared))["changed"] is True
        other.prints("metrics", "metrics", "-")


@pytest.mark.parametrize(
    ("words", "code"), [(["nonsense"], 64), (["cancel", "999"], 3), (["info", "no.such.App"], 3)]
)
def test_what_failed_before_there_was_anything_to_tell(shop: Shop, words: list[str], code: int) -> None:
    shop.prints("failure", *words, code=code)


def test_progress_is_a_document_a_line(shop: Shop) -> None:
    ran = shop.machine.appctl("prune", "-y", "--progress=json")
    lines = ran.err.splitlines()
    assert lines
    for line in lines:
        holds("progress", json.loads(line))


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_a_schema_is_one(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[name])


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_a_schema_refuses_what_lacks_a_required_key(name: str) -> None:
    schema: Schema = SCHEMAS[name]
    empty: object = [{}] if schema["type"] == "array" else {}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(empty, schema)


def test_every_command_and_every_schema_stands_in_the_document() -> None:
    text = DOCUMENT.read_text()
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    commands = {word.split()[0] for row in rows for word in re.findall(r"`([^`]+)`", row.split("|")[1])}
    named = {word for row in rows for word in re.findall(r"`([^`]+)`", row.split("|")[2])}
    assert commands | WITHOUT == set(COMMANDS)
    assert (named | {"progress"}) - {"apps", "errors", "because"} == set(SCHEMAS)
