# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Images without any label of ours, in one layer or in many: they are installed, and run."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from support.images.greeter import minimal_root
from support.images.images import Settings
from support.machines.machine import Machine
from support.publishers.publisher import Publisher

ENTRYPOINT = Settings(entrypoint=("/usr/bin/greet", "as the image says"), env={"WHO": "image"})
METADATA = "[Application]\nname=org.example.Ignored\ncommand=/usr/bin/greet\n"
ASKING = METADATA + "[Context]\nshared=network;\n"
GREET = '#!/bin/sh\n[ ! -e /usr/share/draft ] && echo "Hello from the $WHO: $*"\n'

Split = Callable[[Path, str], list[Path]]  # a directory to work in, and the metadata's text if there is one


def _program(root: Path) -> None:
    (root / "usr/bin").mkdir(parents=True, exist_ok=True)
    (root / "usr/bin/greet").write_text(GREET)
    (root / "usr/bin/greet").chmod(0o755)


def _metadata(root: Path, text: str) -> None:
    if text:
        (root / "app").mkdir(parents=True)
        (root / "app/metadata").write_text(text)


def one_layer(work: Path, metadata: str) -> list[Path]:
    """Everything in one."""
    root = minimal_root(work / "all")
    _program(root)
    _metadata(root, metadata)
    return [root]


def many_layers(work: Path, metadata: str) -> list[Path]:
    """The root with something that goes again; an older metadata file; the program; the one that counts."""
    layers = [minimal_root(work / "0"), work / "1", work / "2", work / "3"]
    for layer in layers:
        (layer / "usr/share").mkdir(parents=True)
    (layers[0] / "usr/share/draft").touch()
    _metadata(layers[1], metadata and "[Application]\ncommand=/usr/bin/nothing\n")
    (layers[2] / "usr/share/.wh.draft").touch()
    _program(layers[2])
    _metadata(layers[3], metadata)
    return layers


SPLITS = {"one layer": one_layer, "many layers": many_layers}


@pytest.fixture(scope="module")
def key(publisher: Publisher) -> str:
    return publisher.keys.make("plain")


@pytest.fixture
def machine(lent: Machine) -> Machine:
    return lent


@pytest.fixture
def repository(machine: Machine, publisher: Publisher, key: str, tmp_path: Path) -> str:
    """A repository of this test's own, which the machine trusts."""
    file = tmp_path / "key.asc"
    file.write_bytes(publisher.keys.export(key, armor=True))
    name = "".join(filter(str.isalnum, tmp_path.name.lower()))
    machine.add_remote("plain", f"oci+http://{publisher.registry.host}/{name}", file, publisher.lookaside.url)
    return f"{name}/greet"


def publish(
    publisher: Publisher, layers: list[Path], repository: str, key: str, settings: Settings = ENTRYPOINT
) -> str:
    """Build it without a label, sign and push it; its reference."""
    tag = repository.partition("/")[0]
    publisher.layout.build(tag, layers, settings)
    assert "Labels" not in publisher.layout.config(tag)["config"]
    publisher.push(tag, f"{repository}:1", key)
    return f"{publisher.registry.host}/{repository}:1"


@pytest.mark.parametrize("split", SPLITS.values(), ids=SPLITS)
def test_an_image_with_nothing_but_an_entrypoint_runs(
    machine: Machine, publisher: Publisher, key: str, repository: str, tmp_path: Path, split: Split
) -> None:
    reference = publish(publisher, split(tmp_path, ""), repository, key)
    app = machine.appctl("install", "-y", "--json", reference).json["apps"][0]
    host, _, port = publisher.registry.host.partition(":")
    assert app["id"] == f"local.h{host.replace('.', '_')}_{port}.{repository.replace('/', '.')}"
    ran = machine.run_app(app["id"], "--", "and", "you say")
    assert ran.out == "Hello from the image: as the image says and you say\n"


@pytest.mark.parametrize("split", SPLITS.values(), ids=SPLITS)
def test_a_metadata_file_that_no_label_names_says_how_the_app_is_run(
    machine: Machine, publisher: Publisher, key: str, repository: str, tmp_path: Path, split: Split
) -> None:
    """Its command is the one that counts; the ID that it claims does not (docs/rules.md, "Names")."""
    reference = publish(publisher, split(tmp_path, METADATA), repository, key)
    app = machine.appctl("install", "-y", "--json", reference).json["apps"][0]
    assert app["id"].startswith("local.h127_0_0_1_")
    ran = machine.run_app(app["id"], "--", "you say")
    assert ran.out == "Hello from the image: you say\n"


@pytest.mark.parametrize("split", SPLITS.values(), ids=SPLITS)
def test_a_metadata_file_that_no_label_names_may_ask_for_nothing(
    machine: Machine, publisher: Publisher, key: str, repository: str, tmp_path: Path, split: Split
) -> None:
    reference = publish(publisher, split(tmp_path, ASKING), repository, key)
    ran = machine.appctl("install", "-y", "--json", reference, code=6)
    assert ran.json["errors"][0]["name"] == "NeedsApproval"
    assert machine.appctl("list", "--json").json == []


def test_an_app_whose_metadata_file_names_a_runtime_waits_for_it_and_runs_on_it(
    machine: Machine, publisher: Publisher, key: str, repository: str, tmp_path: Path
) -> None:
    """Nothing here was made by flatpak: a file says what is needed, and a label what an image is."""
    short = f"org.acme.Platform/{os.uname().machine}/1"
    program = tmp_path / "app/app/bin/greet"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\necho "Hello from $0: $* $(cat /usr/share/words)"\n')
    program.chmod(0o755)
    (tmp_path / "app/app/metadata").write_text(f"[Application]\ncommand=greet\nruntime={short}\n")
    reference = publish(publisher, [tmp_path / "app"], repository, key)
    app = machine.appctl("install", "-y", "--json", reference).json["apps"][0]
    waiting = machine.run_app(app["id"], code=125)
    assert f"needs the runtime runtime/{short}, which is not installed" in waiting.err

    root = minimal_root(tmp_path / "platform")
    (root / "usr/share").mkdir(parents=True, exist_ok=True)
    (root / "usr/share/words").write_text("on its runtime\n")
    tag = f"{repository.partition('/')[0]}-platform"
    publisher.layout.build(tag, [root], Settings(labels={"org.flatpak.ref": f"runtime/{short}"}))
    publisher.push(tag, f"{repository}-platform:1", key)
    machine.appctl("install", "-y", f"{publisher.registry.host}/{repository}-platform:1")
    ran = machine.run_app(app["id"], "--", "you say")
    assert ran.out == "Hello from /app/bin/greet: you say on its runtime\n"
    assert (ran.err, machine.run_app(app["id"]).code) == ("", 0)


def test_what_an_image_declares_as_volumes_is_each_users_and_goes_with_their_data(
    machine: Machine, publisher: Publisher, key: str, repository: str, tmp_path: Path
) -> None:
    root = minimal_root(tmp_path / "all")
    (root / "srv/notes").mkdir(parents=True)
    (root / "srv/notes/first").write_text("as published\n")
    (root / "usr/bin/note").write_text(
        '#!/bin/sh\ncat /srv/notes/first /data/x; echo "$1" >/srv/notes/first; echo x >/data/x\n'
    )
    (root / "usr/bin/note").chmod(0o755)
    asked = Settings(entrypoint=("/usr/bin/note",), volumes=("/srv/notes", "/data", "/etc/notes"))
    reference = publish(publisher, [root], repository, key, asked)
    seen = machine.appctl("install", "--dry-run", "--json", reference).json["previews"][0]
    assert seen["ignored"] == ["VOLUME /etc/notes (nothing is kept there)"]
    app = machine.appctl("install", "-y", "--json", reference).json["apps"][0]["id"]
    assert machine.run_app(app, "--", "mine").out == "as published\n"
    assert machine.run_app(app, "--", "again").out == "mine\nx\n"
    assert machine.appctl("verify", app).out.splitlines()[-1].endswith("0 problems.")
    own = Path(machine.environment["HOME"]) / ".var/app" / app
    assert (own / "volumes/srv%2Fnotes/first").read_text() == "again\n"
    machine.appctl("uninstall", "-y", "--delete-data", app)
    assert not own.exists()
