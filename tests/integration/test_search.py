# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A catalogue from its publisher to `appctl search` and libappstream: registry, keys and daemon all real."""

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import jsonschema
import pytest

from json_schemas import schemas
from support.images.catalogs import LABELS, component, document, index, png, tree
from support.images.images import CREATED, Settings
from support.machines.called import Near
from support.machines.machine import Machine
from support.publishers.publisher import Publisher
from support.servers.index_server import IndexServer

EDITOR, TOOL = "org.acme.Editor", "org.acme.Tool"
READER, PLAIN = "org.acme.Reader", "org.acme.Plain"
TURNS = "<description><p>It turns whatever can be turned.</p></description>"
NAME = "acme/appctl-catalog:latest"


@dataclass
class Mall:
    """A publisher with a catalogue, and a machine that trusts it; `key` signs."""

    publisher: Publisher
    machine: Machine
    work: Path
    key: str
    made: int = 0

    def publish(self, *components: str, key: str = "", days: int = 0, **icons: bytes) -> None:
        """Push a catalogue, made so many days after the first."""
        self.made += 1
        layer = self.work / f"layer{self.made}"
        pictures = {f"{size.replace('_', '')}/{EDITOR}.png": data for size, data in icons.items()}
        for path, data in tree(document(*components), pictures).items():
            if data is not None:
                (layer / path).parent.mkdir(parents=True, exist_ok=True)
                (layer / path).write_bytes(data)
        settings = Settings(labels=LABELS, created=CREATED + timedelta(days=days))
        self.publisher.layout.build(f"catalog{self.made}", [layer], settings)
        self.publisher.push(f"catalog{self.made}", NAME, key or self.key)

    def lists(self, app_id: str, name: str, *more: str) -> str:
        return component(app_id, f"{self.publisher.registry.host}/acme/{name.lower()}:1", name, *more)

    def found(self, *arguments: str) -> list[str]:
        apps = self.machine.appctl("search", "--json", *arguments).json["apps"]
        return [app["id"] for app in apps]

    @property
    def united(self) -> Path:
        """The file of all, for libappstream."""
        return self.machine.state / "swcatalog" / "xml" / "appctl.xml"

    def libappstream(self, *command: str) -> str:
        """What a program says that finds our file where the package's link leads to it."""
        link = "/var/lib/swcatalog/xml/appctl.xml"
        sandbox = [
            "bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/var/lib",
            "--tmpfs", "/var/cache", "--tmpfs", "/tmp", "--ro-bind", str(self.work), str(self.work),
            "--dir", "/var/lib/swcatalog/xml", "--symlink", str(self.united), link,
            "--setenv", "HOME", "/tmp", "--unsetenv", "XDG_DATA_HOME",
        ]  # fmt: skip
        done = subprocess.run(
            [*sandbox, *command],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "LANG": "C.UTF-8"},
        )
        assert done.returncode == 0, done
        return done.stdout


@pytest.fixture(scope="module")
def mall(publisher: Publisher, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mall]:
    work = tmp_path_factory.mktemp("mall")
    key = publisher.keys.make("acme")
    file = work / "acme.asc"
    file.write_bytes(publisher.keys.export(key, armor=True))
    with Near(work / "machine", measured=False) as machine:
        place = f"oci+http://{publisher.registry.host}/acme"
        machine.add_remote("acme", place, file, publisher.lookaside.url, "--set", "ids=org.acme.*")
        yield Mall(publisher, machine, work, key)


def test_from_a_publisher_to_a_search(mall: Mall) -> None:
    assert "remote acme has no catalogue" in mall.machine.appctl("search", "editor").err
    long = "<description><p>It writes down what you think, and finds it again.</p></description>"
    mall.publish(
        mall.lists(EDITOR, "Editor", long), mall.lists(TOOL, "Tool", TURNS), _64x64=png(64), _128x128=png(128)
    )
    assert mall.found("editor") == []  # it was asked for today
    mall.machine.appctl("remote", "refresh", "acme")
    document = mall.machine.appctl("search", "--json", "editor").json
    jsonschema.validate(document, schemas()["found"])
    (app,) = document["apps"]
    assert (app["id"], app["signed"], app["installed"]) == (EDITOR, True, False)
    assert Path(app["icon"]).read_bytes().startswith(b"\x89PNG")
    assert mall.found("writes", "again") == [EDITOR]
    table = mall.machine.appctl("search", "tool").out.splitlines()
    assert [line.split()[1] for line in table] == ["Application", TOOL]


def validated(path: Path, *known: str) -> str:
    """The text of a file that everybody may read and appstreamcli has nothing against, but what is known."""
    assert path.stat().st_mode & 0o444 == 0o444
    validate = ["appstreamcli", "validate", "--no-net", "--no-color", str(path)]
    done = subprocess.run(validate, capture_output=True, text=True, check=False)
    said = [line for line in done.stdout.splitlines() if line.startswith(("E:", "W:"))]
    assert "Validat" in done.stdout, done
    assert said in ([], [*known]), done.stdout
    return path.read_text()


def test_what_is_written_is_what_appstream_reads(mall: Mall) -> None:
    path = mall.machine.appctl("remote", "show", "acme", "--json").json["appstreampath"]
    assert EDITOR in validated(Path(path))
    assert EDITOR in validated(mall.united)
    assert f"Identifier: {EDITOR} [desktop-application]" in mall.libappstream(
        "appstreamcli", "search", "writes"
    )
    got = mall.libappstream("appstreamcli", "dump", EDITOR)
    assert f'<value key="appctl::reference">{mall.publisher.registry.host}/acme/editor:1</value>' in got
    assert len(pictures(got)) == 2


def pictures(dumped: str) -> list[Path]:
    """The icons that are told of, each of which is there."""
    icons = [Path(path) for path in re.findall("<icon [^>]*>(/[^<]*)<", dumped)]
    assert all(path.is_file() for path in icons)
    return icons


def test_what_is_installed_and_unlisted_appstream_reads_until_it_is_removed(mall: Mall) -> None:
    share = mall.work / "reader/usr/share"
    desktop = f"[Desktop Entry]\nType=Application\nName=Reader\nComment=Read\nExec=reader\nIcon={READER}\n"
    said = component(READER, "", "Reader", TURNS, "<metadata_license>CC0-1.0</metadata_license>")
    for path, data in {
        f"metainfo/{READER}.metainfo.xml": said.encode(),
        f"applications/{READER}.desktop": desktop.encode(),
        f"icons/hicolor/64x64/apps/{READER}.png": png(64),
        f"applications/{PLAIN}.desktop": desktop.replace(READER, PLAIN).encode(),
    }.items():
        (share / path).parent.mkdir(parents=True, exist_ok=True)
        (share / path).write_bytes(data)
    for app in (READER, PLAIN):
        name = app.rpartition(".")[2].lower()
        mall.publisher.layout.build(name, [mall.work / "reader"], Settings(labels={"org.appctl.id": app}))
        mall.publisher.push(name, f"acme/{name}:1", mall.key)
    mall.machine.appctl("install", "--yes", "acme/reader:1", "acme/plain:1")
    told = validated(
        mall.united, f"W: {PLAIN}:~: url-homepage-missing"
    )  # AppStream 1.0: its image tells none
    assert [told.count(f"<id>{app}</id>") for app in (EDITOR, TOOL, READER, PLAIN)] == [1, 1, 1, 1]
    found = mall.libappstream("appstreamcli", "search", "turns whatever")
    assert re.findall("Identifier: (\\S+)", found) == [TOOL, READER]
    got = mall.libappstream("appstreamcli", "dump", PLAIN)
    assert f'reference">{mall.publisher.registry.host}/acme/plain:1<' in got
    assert "<summary>Read</summary>" in got
    assert [path.name for path in pictures(told)].count(f"{READER}.png") == 1
    mall.machine.appctl("uninstall", "--yes", READER, PLAIN)
    assert re.findall("<id>(.*?)<", validated(mall.united)) == [EDITOR, TOOL]


@pytest.mark.parametrize("how", ["another's ID", "another's key"])
def test_what_is_not_this_publishers_leaves_the_list_as_it_is(how: str, mall: Mall) -> None:
    if how == "another's ID":
        files = component("org.gnome.Nautilus", f"{mall.publisher.registry.host}/acme/files:1", "Files")
        mall.publish(files, days=1)
    else:
        mall.publish(mall.lists(EDITOR, "Editor"), days=2, key=mall.publisher.keys.make("other"))
    ran = mall.machine.appctl("remote", "refresh", "--json", "acme", code=None)
    error = {"another's ID": "Conflict", "another's key": "UntrustedSigner"}[how]
    assert [one["name"] for one in ran.json["errors"]] == [error]
    assert mall.found("--cached", "acme") == [EDITOR, TOOL]


def test_what_an_index_lists_is_a_hint(mall: Mall) -> None:
    with IndexServer(mall.publisher.registry.host) as front:
        front.list("beta", index("beta/tool", f"sha256:{'1' * 64}", "org.beta.Tool", "Tool"))
        mall.machine.add_remote("beta", f"oci+http://{front.host}/beta", mall.work / "acme.asc")
        shown = mall.machine.appctl("search", "--remote=beta", "turns")
    assert [line.split()[:2] for line in shown.out.splitlines()[1:]] == [["Tool", "org.beta.Tool"]]
    assert "no, a hint" in shown.out
    assert f"{front.host}/beta/tool:latest" in shown.out
    assert shown.err == ""


def test_a_newer_one_takes_its_place_and_goes_with_the_remote(mall: Mall) -> None:
    mall.publish(mall.lists(TOOL, "Tool"), days=9)
    mall.machine.appctl("remote", "refresh", "acme")
    assert mall.found("--cached", "acme") == [TOOL]
    mall.machine.appctl("prune")
    assert mall.found("--cached", "acme") == [TOOL]
    mall.machine.appctl("remote", "remove", "acme")
    assert not (mall.machine.state / "catalogs" / "acme").exists()
    assert TOOL not in mall.united.read_text()
