# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl export`: which app a name means without a daemon, what is said, and that an end leaves nothing."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appctl.__main__ import main
from appctld.model.jsonvalue import JsonObject
from support.servers.fake_registry import FakeServer, Reply
from support.workers.inline import digest_of, layer_of
from support.workers.leaving import names
from support.worlds.compressed import push_packed
from support.worlds.world import BASE, TOP, World, trusting

Capture = pytest.CaptureFixture[str]
REFERENCE = "acme.example/x/hello:1"
APP = "example.acme.x.hello"
PATIENCE = 60.0  # seconds on a busy machine until something must have happened


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """An app in the caller's own scope, and no daemon anywhere."""
    made = World(tmp_path / "machine")
    made.registry.push("1", [BASE, TOP])
    made.install(REFERENCE)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/appctl").symlink_to(made.paths.root)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    for name in ("XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("APPCTL_SCOPE", "user")
    for bus in ("SESSION", "SYSTEM"):
        monkeypatch.setenv(f"DBUS_{bus}_BUS_ADDRESS", f"unix:path={tmp_path}/nothing")
    return made


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "layout"


@pytest.mark.parametrize("name", [APP, "hello", "HELLO", REFERENCE, "acme/hello:1"])
def test_an_app_has_many_names(world: World, target: Path, capsys: Capture, name: str) -> None:
    assert main(["export", name, f"oci:{target}"]) == 0
    digest = digest_of(world.registry.tags["1"])
    assert capsys.readouterr().out == f"{REFERENCE}  {digest}\n{APP} from {REFERENCE}, with no signature\n"
    assert (target / "index.json").exists()


def test_latest_need_not_be_said(world: World, target: Path) -> None:
    world.registry.push("latest", [BASE])
    world.install("acme.example/x/other:latest")
    assert main(["export", "acme/other", "acme.example/x/other", f"oci:{target}"]) == 0


@pytest.mark.parametrize(
    "name", ["other/hello:1", "acme/ello:1", "acme/hello:2", "org.example.Other", "../../x"]
)
def test_what_is_not_installed_is_said(world: World, target: Path, capsys: Capture, name: str) -> None:
    assert main(["export", name, f"oci:{target}"]) == 3
    assert "is not installed" in capsys.readouterr().err
    assert not target.exists()


def test_json_tells_of_each_app(world: World, target: Path, capsys: Capture) -> None:
    assert main(["export", APP, f"oci:{target}", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    config = json.loads(world.registry.tags["1"])["config"]["digest"]
    assert document == {
        "changed": True,
        "apps": [
            {
                "id": APP, "reference": REFERENCE, "name": REFERENCE, "signatures": 0, "left": [],
                "digest": digest_of(world.registry.tags["1"]), "config": config,
            }
        ],
    }  # fmt: skip


def test_what_stays_behind_is_said(world: World, target: Path, capsys: Capture) -> None:
    assert main(["export", APP, f"oci:{target}", "--recompress", "--compression", "zstd"]) == 0
    said = capsys.readouterr()
    assert "left behind: the publisher's signatures" in said.err
    assert digest_of(world.registry.tags["1"]) not in said.out


REMOTE = "[remote]\nurl = {url}\n{more}\n"


@pytest.mark.parametrize(
    ("url", "more", "options", "written", "said"),
    [
        ("acme.example/x", "", (), True, False),
        ("acme.example/x", "", ("--recompress",), False, False),
        ("acme.example/x", "verify = none", (), False, False),
        ("acme.example/x", f"deny-keys = {'A' * 40}", (), False, True),
        ("oci+http://127.0.0.1:5000/x", "", (), False, True),
    ],
)
def test_whom_to_trust_is_written_beside_what_is_signed(
    world: World,
    target: Path,
    tmp_path: Path,
    capsys: Capture,
    url: str,
    more: str,
    options: tuple[str, ...],
    *,
    written: bool,
    said: bool,
) -> None:
    directory = tmp_path / "home/.config/appctl/remotes.d"
    directory.mkdir(parents=True)
    (directory / "acme.conf").write_text(REMOTE.format(url=url, more=more))
    assert main(["export", APP, f"oci:{target}", *options]) == 0
    assert (target / "acme.appctlremote").exists() is written
    assert ("left behind: acme.appctlremote" in capsys.readouterr().err) is said


def test_a_registry_takes_one_image_a_tag(world: World, target: Path, capsys: Capture) -> None:
    world.registry.push("2", [BASE])
    world.install("acme.example/x/other:2", trusting("acme"))
    assert main(["export", "hello", "other", "docker://127.0.0.1:1/x/y:1"]) == 64


def test_a_failure_has_its_exit_code_and_its_hint(world: World, target: Path, capsys: Capture) -> None:
    target.write_bytes(b"x")
    assert main(["export", APP, f"oci-archive:{target}"]) == 1
    assert "hint: remove it first" in capsys.readouterr().err


# --- the program itself ------------------------------------------------------------------------------------


def ask(world: World, to: JsonObject, **app: object) -> bytes:
    whole = {"state": str(world.paths.root), "id": APP, **app}
    return json.dumps({"op": "export", "fds": {}, "apps": [whole], "to": to}).encode() + b"\n"


@pytest.fixture
def stalled(world: World) -> Iterator[FakeServer]:
    """The registry of an app whose layers are nowhere else, which stops in the middle of the first one."""
    push_packed(world, "2", [BASE, TOP])
    world.install("acme.example/x/hello:2")
    with FakeServer() as server:
        for digest, data in world.registry.blobs.items():
            server.on(f"/v2/x/hello/blobs/{digest}", Reply(body=data[:20], stall=True))
        yield server


@pytest.mark.parametrize("kind", ["directory", "archive"])
@pytest.mark.parametrize("there", ["nothing", "a layout"])
def test_who_ends_it_in_the_middle_finds_nothing_of_it(
    world: World, stalled: FakeServer, tmp_path: Path, kind: str, there: str
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    if there == "a layout":
        assert main(["export", APP, f"oci:{place / 'other'}", "--recompress"]) == 0
    target = place / "other" if there == "a layout" and kind == "directory" else place / "new"
    before = names(place)
    request = ask(
        world,
        {"kind": kind, "path": str(target)},
        endpoint={"registry": stalled.url, "repository": "x/hello"},
    )
    command = [sys.executable, "-I", "-m", "appctld.workers.export"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as program:
        assert program.stdin is not None
        program.stdin.write(request)
        program.stdin.flush()
        end = time.monotonic() + PATIENCE
        while not stalled.seen:
            assert time.monotonic() < end
            time.sleep(0.01)
        assert names(place) != before, "it is in the middle"
        program.send_signal(signal.SIGTERM)
        program.communicate()
        assert program.returncode == 143
    assert names(place) == before


FULL = """
mount -t tmpfs -o size=$2 none "$1" && "$3" -I -m appctld.workers.export && ls -A "$1" >&2
"""


@pytest.mark.parametrize("kind", ["directory", "archive"])
def test_a_disk_that_is_full_is_said_and_left_as_it_was(world: World, tmp_path: Path, kind: str) -> None:
    large = layer_of({"usr/": None, "usr/large": os.urandom(1 << 20)})
    world.registry.push("3", [BASE, large])
    world.install("acme.example/x/hello:3")
    place = tmp_path / "place"
    place.mkdir()
    shell = ["sh", "-c", FULL, "sh", str(place), "256k", sys.executable]
    command = ["unshare", "--user", "--map-root-user", "--mount", *shell]
    request = ask(world, {"kind": kind, "path": str(place / "image")})
    done = subprocess.run(command, input=request, capture_output=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1])["error"][0] == "NoSpace"
    assert done.stderr == b""
