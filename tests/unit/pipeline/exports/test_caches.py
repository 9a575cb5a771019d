# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The host's cache programs after an install: real ones, in the real sandbox; and such as misbehave there."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from appctld.errors import Busy
from appctld.model.jsonvalue import JsonObject
from appctld.pipeline.exports import caches
from appctld.pipeline.exports.desktop import Desktop
from appctld.system.sandbox import Bubblewrap
from appctld.system.worker import Program, Report
from support.workers.inline import layer_of
from support.worlds.world import World

APP = "org.acme.Editor"
COMMAND = ("/usr/bin/appctl", "--user", "run")
ENTRY = b"[Desktop Entry]\nType=Application\nName=Editor\nExec=editor %U\nMimeType=application/x-acme;\n"
TYPES = f"""<?xml version="1.0" encoding="UTF-8"?>
<mime-info xmlns="http://www.freedesktop.org/standards/shared-mime-info">
  <mime-type type="application/x-{APP}"><comment>Acme</comment><glob pattern="*.acmedrawing"/></mime-type>
</mime-info>
""".encode()
SHARE = {
    f"usr/share/applications/{APP}.desktop": ENTRY,
    f"usr/share/mime/packages/{APP}.xml": TYPES,
}


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    desktop = Desktop(COMMAND, (tmp_path / "host",))
    made.tools = replace(made.tools, launcher=Bubblewrap(code=()), desktop=desktop)
    directories = {f"{parent}/": None for path in SHARE for parent in reversed(Path(path).parents[:-1])}
    tree = {**directories, **SHARE, "usr/a": b"a"}
    made.registry.push("1", [layer_of(tree)], Labels={"org.appctl.id": APP})
    return made


def share(world: World) -> Path:
    return world.paths.exports / "share"


def test_after_an_install_desktops_know_what_opens_a_file(world: World) -> None:
    world.install("acme.example/x:1")
    assert f"application/x-acme={APP}.desktop;" in (share(world) / "applications/mimeinfo.cache").read_text()
    assert f"application/x-{APP.lower()}:*.acmedrawing" in (share(world) / "mime/globs2").read_text().lower()
    assert (share(world) / "mime/mime.cache").exists()
    assert [path.name for path in world.paths.exports.iterdir()] == ["share"]


def test_a_program_that_the_host_lacks_is_left_out(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    lacking = caches.PROGRAMS | {"applications/": ("update-no-database", "applications")}
    monkeypatch.setattr(caches, "PROGRAMS", lacking)
    world.install("acme.example/x:1")
    assert not (share(world) / "applications/mimeinfo.cache").exists()
    assert (share(world) / "mime/mime.cache").exists()
    assert caplog.text == ""


def misbehaving(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """In the place of one program, with its directory as $1 and the state directory as $2."""
    program = ("sh", "-c", f"scratch=${{1%/applications}} state=${{scratch%/exports/*}}; {script}", "sh")
    monkeypatch.setattr(caches, "PROGRAMS", caches.PROGRAMS | {"applications/": (*program, "applications")})


WAYS = {
    "writes into the share directory": 'echo x >"$state/exports/share/applications/mimeapps.list"',
    "changes a deployment": f'rm -f "$state/apps/{APP}/current/export/share/applications/{APP}.desktop"',
    "replaces a link": f'ln -sf /etc/passwd "$1/{APP}.desktop"; ln -s /etc/passwd "$1/mimeinfo.cache"',
    "leaves another entry": 'echo "[Desktop Entry]" >"$1/org.gnome.Nautilus.desktop"',
    "fails": 'echo x >"$1/mimeinfo.cache"; exit 1',
}


@pytest.mark.parametrize("name", WAYS)
def test_a_program_that_misbehaves_changes_nothing(
    name: str, world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    misbehaving(monkeypatch, f"{{ {WAYS[name]}; }} 2>/dev/null || exit 3")
    with caplog.at_level(logging.WARNING):
        world.install("acme.example/x:1")
    names = {path.name for path in (share(world) / "applications").iterdir()}
    assert names <= {f"{APP}.desktop", "mimeinfo.cache"}
    assert "Name=Editor" in (share(world) / f"applications/{APP}.desktop").read_text()
    assert not (share(world) / "applications/mimeinfo.cache").is_symlink()
    if name not in {"replaces a link", "leaves another entry"}:
        assert "ended with" in caplog.text


def test_a_program_sees_links_and_apps_and_nothing_else_of_the_state(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.paths.history.write_text("private")
    misbehaving(
        monkeypatch, '{ ls "$state"; ls -A "$state/exports"; cat "$1"/*.desktop; } >"$1/mimeinfo.cache"'
    )
    world.install("acme.example/x:1")
    words = (share(world) / "applications/mimeinfo.cache").read_text().split()
    assert words[:2] == ["apps", "exports"]
    assert words[2].startswith(".staging-")
    assert words[3] == "[Desktop"


BOUNDS = {
    "hangs": ("sleep 1000", "took longer"),
    "fills the disk": ('head -c 20000000 /dev/zero >"$1/mimeinfo.cache"', "ended with"),
    "says too much": ("head -c 1000000 /dev/zero", "output"),
}


@pytest.mark.parametrize("name", BOUNDS)
def test_a_program_is_bounded_and_the_job_is_done(
    name: str, world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    script, told = BOUNDS[name]
    misbehaving(monkeypatch, script)
    monkeypatch.setattr(caches, "DEADLINE", 0.5 if name == "hangs" else 60.0)
    with caplog.at_level(logging.WARNING):
        assert world.install("acme.example/x:1").record.id == APP
    assert told in caplog.text
    cache = share(world) / "applications/mimeinfo.cache"
    assert not cache.exists() or cache.stat().st_size <= 8 << 20
    assert [path.name for path in world.paths.exports.iterdir()] == ["share"]


def test_a_programs_time_memory_and_files_are_bounded_by_the_kernel(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seconds, KiB of addresses, descriptors."""
    misbehaving(monkeypatch, '{ ulimit -t; ulimit -v; ulimit -n; } >"$1/mimeinfo.cache"')
    world.install("acme.example/x:1")
    told = (share(world) / "applications/mimeinfo.cache").read_text().split()
    assert told == ["10", str(1 << 20), "256"]


def test_where_nothing_changed_no_program_is_started(world: World) -> None:
    world.install("acme.example/x:1")
    before = (share(world) / "applications/mimeinfo.cache").stat()
    asyncio.run(caches.refresh_caches(world.tools))
    after = (share(world) / "applications/mimeinfo.cache").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_where_nothing_is_exported_nobody_is_asked(world: World, caplog: pytest.LogCaptureFixture) -> None:
    asyncio.run(caches.refresh_caches(replace(world.tools, desktop=Desktop(), runner=Refusing())))
    assert caplog.text == ""
    asyncio.run(caches.refresh_caches(replace(world.tools, runner=Refusing())))
    assert "desktops' caches are not what is installed: Busy: no" in caplog.text


class Refusing:
    """Whoever is asked says no."""

    async def run(
        self, program: Program, request: JsonObject, report: Report, *, fds: Mapping[str, int]
    ) -> JsonObject:
        """See `system.worker.Runner.run`."""
        raise Busy("no")
