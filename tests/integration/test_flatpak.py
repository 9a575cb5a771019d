# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What the real flatpak bundled, over a real registry with an index: an app, its runtime, an extension."""

import json
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from appctld.model.flatpak.ref import FlatpakRef, parse_ref
from support.images.flatpak_build import Workshop
from support.images.greeter import minimal_root
from support.images.layouts import entries
from support.machines.machine import BIN, Machine
from support.people.terminal import PATIENCE
from support.servers.index_server import IndexServer
from support.servers.lookaside import Lookaside
from support.servers.registry import Registry
from support.signatures.keys import Keys, payload
from support.worlds.flatpaks import entry, listed, metadata

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
ARCH = {"amd64": "x86_64", "arm64": "aarch64"}
APP, VIEWER, PLATFORM, NEXT, LOCALE = (
    parse_ref(text)
    for text in (
        "app/org.acme.Editor/x86_64/stable",
        "app/org.acme.Viewer/x86_64/stable",
        "runtime/org.acme.Platform/x86_64/45",
        "runtime/org.acme.Platform/x86_64/46",
        "runtime/org.acme.Platform.Locale/x86_64/45",
    )
)
POINT = "[Extension org.acme.Platform.Locale]\ndirectory=share/locale\n[Environment]\nACME=yes\n"


@dataclass
class House:
    """A publisher of flatpaks: everything is real."""

    registry: Registry
    front: IndexServer
    lookaside: Lookaside
    keys: Keys
    workshop: Workshop
    key: str
    _built: dict[tuple[FlatpakRef, str], str] = field(default_factory=dict)

    def publish(
        self,
        repository: str,
        ref: FlatpakRef,
        text: str = "",
        *,
        key: str | None = None,
        tag: str = "latest",
        files: Mapping[str, str] | None = None,
        tree: Path | None = None,
    ) -> str:
        """Push and sign one, of these files and that tree if any are given, under its name; its digest."""
        source = (
            self.source(ref, text)
            if files is None
            else self.workshop.bundle(ref, text or metadata(ref), files, tree)
        )
        name = f"{repository}/{ref.name.lower()}"
        digest = self.registry.push(source, f"{name}:{tag}")
        identity = f"{self.front.host}/{name}:{tag}"
        signed = self.keys.sign(payload(digest, identity), key or self.key)
        self.lookaside.place(name, digest, signed)
        return digest

    def list(self, repository: str, *images: tuple[FlatpakRef, str]) -> None:
        """Let the index of `repository` have these images."""
        shown = [entry(ref, digest, f"{repository}/{ref.name.lower()}") for ref, digest in images]
        self.front.list(repository, listed(*shown))

    def source(self, ref: FlatpakRef, text: str = "") -> str:
        """What skopeo calls one with a program in it, which is built once."""
        text = text or metadata(ref)
        if (ref, text) not in self._built:
            self._built[ref, text] = self.workshop.bundle(ref, text, {"bin/editor": "#!/bin/sh\n"})
        return self._built[ref, text]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    place = tmp_path_factory.mktemp("house")
    for name in ("registry", "signatures", "workshop"):
        (place / name).mkdir()
    with (
        Registry(place / "registry") as registry,
        IndexServer(registry.host) as front,
        Lookaside(place / "signatures") as lookaside,
        Keys() as keys,
    ):
        key = keys.make("acme")
        yield House(registry, front, lookaside, keys, Workshop(place / "workshop"), key)


@pytest.fixture
def part(house: House, machine: Machine, tmp_path: Path) -> str:
    """A part of the registry that is this test's own, which the machine trusts."""
    file = tmp_path / "key.asc"
    file.write_bytes(house.keys.export(house.key, armor=True))
    name = tmp_path.name.lower().replace("_", "-").strip("-")
    machine.add_remote("acme", f"oci+http://{house.front.host}/{name}", file, house.lookaside.url)
    return name


def reference(house: House, part: str, ref: FlatpakRef = APP) -> str:
    return f"{house.front.host}/{part}/{ref.name.lower()}:latest"


def test_app_runtime_and_extension_come_in_one_job_each_signed(
    house: House, part: str, machine: Machine
) -> None:
    house.publish(part, APP)
    platform = house.publish(part, PLATFORM, metadata(PLATFORM, POINT))
    house.list(part, (PLATFORM, platform), (LOCALE, house.publish(part, LOCALE)))
    shown = machine.appctl("install", "--dry-run", reference(house, part)).out
    assert f"With it    {PLATFORM.id} 45" in shown
    assert f"{LOCALE.id} 45 (of " in shown
    app = machine.appctl("install", "-y", "--json", reference(house, part)).json["apps"][0]
    assert (app["id"], app["flatpak_ref"], app["runtime"]) == (APP.id, str(APP), str(PLATFORM))
    assert [(one["id"], one["reference"]) for one in app["also"]] == [
        (PLATFORM.id, reference(house, part, PLATFORM)),
        (LOCALE.id, reference(house, part, LOCALE)),
    ]
    assert "label%3Aorg.flatpak.ref%3Aexists=1" in " ".join(house.front.requests)
    for ref in (PLATFORM, LOCALE):
        info = machine.appctl("info", ref.id, "--json").json
        assert (info["signer"], info["kind"], info["flatpak_ref"]) == (house.key, "runtime", str(ref))
        assert (Path(info["deployment"]) / "files/bin/editor").is_file()
    machine.appctl("verify")
    assert PLATFORM.id in machine.appctl("uninstall", "-y", PLATFORM.id, code=1).err
    machine.appctl("uninstall", "-y", PLATFORM.id, APP.id, LOCALE.id)
    assert machine.objects() == set()


def test_the_app_runs_on_its_runtime_as_it_is_written_down(
    house: House, part: str, machine: Machine, tmp_path: Path
) -> None:
    script = '#!/bin/sh\necho "$ACME $(cat /app/share/words) $(cat /usr/share/locale/words)"\n'
    plugin = "[Extension org.acme.Editor.Plugin]\ndirectory=plugins\n"
    house.publish(part, APP, metadata(APP, plugin), files={"bin/editor": script, "share/words": "app"})
    root = minimal_root(tmp_path / "root")
    platform = house.publish(
        part, PLATFORM, metadata(PLATFORM, POINT), files={"share/locale/.keep": ""}, tree=root / "usr"
    )
    locale = house.publish(part, LOCALE, files={"words": "locale"})
    house.list(part, (PLATFORM, platform), (LOCALE, locale))
    machine.appctl("install", "-y", reference(house, part))
    assert machine.run_app("editor").out == "yes app locale\n"
    told_app, told_platform = (
        json.loads((machine.state / "apps" / ref.id / "current/run.json").read_bytes())
        for ref in (APP, PLATFORM)
    )
    assert (told_app["entrypoint"], told_app["runtime"], told_app["app"]) == (
        ["editor"],
        PLATFORM.id,
        "files",
    )
    assert [(one["id"], one["at"]) for one in told_app["extensions"]] == [
        ("org.acme.Editor.Plugin.stable", "/app/plugins")
    ]
    assert (told_platform["kind"], told_platform["usr"]) == ("runtime", "files")
    assert told_platform["env"] == {"ACME": "yes"}
    assert [(one["id"], one["at"]) for one in told_platform["extensions"]] == [
        (LOCALE.id, "/usr/share/locale")
    ]


def test_an_update_brings_its_new_runtime(house: House, part: str, machine: Machine) -> None:
    house.publish(part, APP)
    old = house.publish(part, PLATFORM)
    house.list(part, (PLATFORM, old))
    machine.appctl("install", "-y", reference(house, part))
    house.publish(part, APP, metadata(APP, runtime=NEXT))
    err = machine.appctl("update", "-y", APP.id, code=3).err
    assert NEXT.short in err
    assert "still runs" in err
    house.list(part, (NEXT, house.publish(part, NEXT)))
    assert f", with {NEXT.id} 46   (" in machine.appctl("update", "-y", APP.id).out
    kinds = {app["id"]: app["kind"] for app in machine.appctl("list", "--json").json}
    assert kinds == {APP.id: "app", PLATFORM.id: "runtime", NEXT.id: "runtime"}


def test_a_runtime_signed_by_a_stranger_is_refused(house: House, part: str, machine: Machine) -> None:
    """What else is refused of a runtime and its list: tests/unit/pipeline/test_companions.py."""
    house.publish(part, APP)
    stranger = house.keys.make("stranger")
    house.list(part, (PLATFORM, house.publish(part, PLATFORM, key=stranger)))
    assert "does not trust" in machine.appctl("install", "-y", reference(house, part), code=5).err
    assert machine.appctl("list", "--json").json == []
    assert machine.objects() == set()


def test_two_remotes_bring_the_same_runtime_and_each_app_runs_on_its_own(
    house: House, part: str, machine: Machine, tmp_path: Path
) -> None:
    """Of one ref, with other bytes: both are here, and no publisher's app sees the other's files."""
    second = f"{part}-2"
    machine.add_remote(
        "second", f"oci+http://{house.front.host}/{second}", tmp_path / "key.asc", house.lookaside.url
    )
    root = minimal_root(tmp_path / "root")
    for place, app, words in ((part, APP, "acme"), (second, VIEWER, "second")):
        (root / "usr/words").write_text(f"{words}\n")
        house.publish(place, app, files={"bin/editor": "#!/bin/sh\ncat /usr/words\n"})
        house.list(place, (PLATFORM, house.publish(place, PLATFORM, files={}, tree=root / "usr")))
    machine.appctl("install", "-y", reference(house, part))
    shown = machine.appctl("install", "--dry-run", reference(house, second, VIEWER)).out
    assert f"With it    {PLATFORM.id}-second 45" in shown
    machine.appctl("install", "-y", reference(house, second, VIEWER))
    assert (machine.run_app("editor").out, machine.run_app("viewer").out) == ("acme\n", "second\n")
    remotes = {app["id"]: app["remote"] for app in machine.appctl("list", "--json").json}
    assert (remotes[PLATFORM.id], remotes[f"{PLATFORM.id}-second"]) == ("acme", "second")
    machine.appctl("verify")
    assert VIEWER.id in machine.appctl("uninstall", "-y", f"{PLATFORM.id}-second", code=1).err
    machine.appctl("uninstall", "-y", APP.id, PLATFORM.id)
    assert machine.run_app("viewer").out == "second\n"


NOWHERE = "127.0.0.1:9"  # the discard port: whoever connects is refused


def brought(house: House, tmp_path: Path) -> Path:
    """A directory with the app and its runtime, each signed beside it for a registry that is nowhere."""
    disk = tmp_path / "disk"
    for ref in (APP, PLATFORM):
        name = f"{ref.name.lower()}:{ref.branch}"
        command = ["skopeo", "--insecure-policy", "copy", "--quiet", house.source(ref), f"oci:{disk}:{name}"]
        subprocess.run(command, check=True)
        (entry,) = [one for one in entries(disk) if name in one["annotations"].values()]
        signed = house.keys.sign(payload(entry["digest"], f"{NOWHERE}/acme/{name}"), house.key)
        place = disk / f"lookaside/acme/{ref.name.lower()}@{entry['digest'].replace(':', '=')}"
        place.mkdir(parents=True)
        (place / "signature-1").write_bytes(signed)
    return disk


@pytest.fixture
def offline(house: House, machine: Machine, tmp_path: Path) -> Machine:
    """It trusts acme, whose registry cannot be reached."""
    file = tmp_path / "key.asc"
    file.write_bytes(house.keys.export(house.key, armor=True))
    machine.add_remote("acme", f"oci+http://{NOWHERE}/acme", file, f"http://{NOWHERE}/signatures")
    return machine


def test_an_archive_brings_the_runtime_too(house: House, offline: Machine, tmp_path: Path) -> None:
    disk = brought(house, tmp_path)
    archive = disk.with_suffix(".tar")
    subprocess.run(["tar", "-C", str(disk), "-cf", str(archive), "."], check=True)
    source = f"oci-archive:{archive}"
    app = offline.appctl("install", "-y", "--json", "--from", source, f"acme/{APP.name.lower()}:stable").json
    (also,) = app["apps"][0]["also"]
    assert also["reference"] == f"{NOWHERE}/acme/{PLATFORM.name.lower()}:45"
    assert offline.appctl("info", PLATFORM.id, "--json").json["signer"] == house.key


def test_of_a_directory_the_runtime_is_brought_first(house: House, offline: Machine, tmp_path: Path) -> None:
    source = f"oci:{brought(house, tmp_path)}"
    app, platform = (f"acme/{ref.name.lower()}:{ref.branch}" for ref in (APP, PLATFORM))
    err = offline.appctl("install", "-y", "--from", source, app, code=3).err
    assert f"needs runtime {PLATFORM.short}" in err
    offline.appctl("install", "-y", "--from", source, platform)
    offline.appctl("install", "-y", "--from", source, app)


def test_flatpaks_own_images_install_from_a_directory(machine: Machine) -> None:
    images = FIXTURES / "images"
    machine.configuration.mkdir(parents=True, exist_ok=True)
    (machine.configuration / "golden.conf").write_text(f"[remote]\nurl=oci:{images}\nverify=none\n")
    app = machine.appctl("install", "-y", "--json", "golden/hello:flatpak-app").json["apps"][0]
    assert (app["id"], app["version"]) == ("org.example.Hello", "1")
    assert [one["id"] for one in app["also"]] == ["org.example.Platform._1"]
    assert sorted(app["permissions"]) == [
        ["filesystems", "home", "leaves the sandbox"],
        ["shared", "network", "leaves the sandbox"],
        ["sockets", "wayland", "limited"],
    ]
    machine.appctl("verify")


def test_what_flatpak_packed_leaves_as_it_was_without_its_registry(
    house: House, part: str, machine: Machine, tmp_path: Path
) -> None:
    digests = {ref.id: house.publish(part, ref) for ref in (APP, PLATFORM)}
    house.list(part, (PLATFORM, digests[PLATFORM.id]))
    machine.appctl("install", "-y", reference(house, part))
    house.registry.stop()
    try:
        command = ("export", APP.id, PLATFORM.id, f"oci:{tmp_path / 'layout'}", "--json")
        exported = machine.appctl(*command).json["apps"]
    finally:
        house.registry.start()
    assert {app["id"]: app["digest"] for app in exported} == digests
    assert all(app["signatures"] == 1 for app in exported)


def test_whatever_a_daemons_end_leaves_installed_has_its_line_in_the_history(
    house: House, part: str, machine: Machine
) -> None:
    """It ends as soon as the runtime is there, before the app is, or just after."""
    house.publish(part, APP)
    house.list(part, (PLATFORM, house.publish(part, PLATFORM)))
    command = [str(BIN / "appctl"), "install", "-y", reference(house, part)]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, env=machine.environment, stdout=quiet, stderr=quiet) as installing:
        current = machine.state / "apps" / PLATFORM.id / "current"
        while not current.is_symlink():
            assert (
                installing.poll() is None or current.is_symlink()
            )  # it may end between one look and the next
            time.sleep(0.002)
        machine.stop()
        installing.wait(PATIENCE)
    machine.start()
    here = {app["id"] for app in machine.appctl("list", "--json").json}
    done = {line["id"] for line in machine.appctl("history", "--json").json if not line.get("error")}
    assert PLATFORM.id in here
    assert done == here
