# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl try`: an image runs once, in the real sandbox, and nothing of it stays."""

import os
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from support.images.greeter import build, minimal_root
from support.images.images import Layout, Settings
from support.machines.machine import BIN, Ran


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    """A layout as umoci makes it, with the greeter in it."""
    work = tmp_path_factory.mktemp("work")
    layout = Layout(work / "images")
    build(layout, tmp_path_factory.mktemp("layers"), 1)
    return layout


@pytest.fixture
def home(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A caller's environment without a daemon."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "DBUS_"))}
    places = {name: tmp_path / name.lower() for name in ("HOME", "XDG_CACHE_HOME")}
    for place in places.values():
        place.mkdir(mode=0o700)
    with tempfile.TemporaryDirectory(prefix="run.") as runtime:
        yield {**kept, **{name: str(place) for name, place in places.items()}, "XDG_RUNTIME_DIR": runtime}


def tried(environment: Mapping[str, str], *arguments: str) -> Ran:
    command = [str(BIN / "appctl"), "try", *arguments]
    done = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=100,
        check=False,
    )  # fmt: skip
    return Ran(done.returncode, done.stdout, done.stderr)


def left(environment: Mapping[str, str]) -> list[str]:
    """Every file and directory of an app's, a daemon's or a bus's that is there now."""
    tops = [Path(environment[name]) for name in ("HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR")]
    found = {str(path) for top in tops for path in top.rglob("*")}
    stays = {f"{environment['XDG_CACHE_HOME']}/appctl", f"{environment['XDG_RUNTIME_DIR']}/appctl"}
    return sorted(found - stays)  # two empty directories


def test_an_image_runs_once_with_its_arguments_and_leaves_nothing(
    images: Layout, home: dict[str, str]
) -> None:
    ran = tried(home, "-y", f"oci:{images.directory}", "--", "--option", "you")
    assert ran.code == 0, ran
    assert "UNSIGNED: nothing about this image is verified" in ran.err
    assert "May use" in ran.out
    assert left(home) == []


def test_an_archive_runs_as_well(images: Layout, home: dict[str, str], tmp_path: Path) -> None:
    archive = tmp_path / "greeter.tar"
    subprocess.run(["tar", "-C", str(images.directory), "-cf", str(archive), "."], check=True)
    assert tried(home, "-y", f"oci-archive:{archive}", "--", "you").out.endswith("You said: you\n")
    assert left(home) == []


def test_of_several_images_one_must_be_meant_and_its_exit_code_is_ours(
    images: Layout, home: dict[str, str], tmp_path: Path
) -> None:
    minimal_root(tmp_path / "layer", ("/bin/mkdir", "/bin/chmod"))
    program = tmp_path / "layer/usr/bin/end"
    program.write_text(
        "#!/bin/sh\ncd && : > mine && test -e mine && mkdir -p a/b/c && chmod 0 a/b && chmod 0 a && exit 7\n"
    )
    program.chmod(0o755)
    layout = Layout(tmp_path / "images")
    shutil.copytree(images.directory, layout.directory, dirs_exist_ok=True)
    layout.build("end", [tmp_path / "layer"], Settings(entrypoint=("/usr/bin/end",)), base="v1")
    ran = tried(home, "-y", f"oci:{layout.directory}")
    assert (ran.code, "It has end, v1" in ran.err or "It has v1, end" in ran.err) == (64, True)
    assert tried(home, "-y", f"oci:{layout.directory}", "--as", "end").code == 7
    assert left(home) == []


@pytest.mark.parametrize("wish", ["host", "CONFIG", "CONFIG:create", "home"])
def test_an_image_that_asks_for_files_gets_none_of_the_callers(
    wish: str, images: Layout, home: dict[str, str], tmp_path: Path
) -> None:
    """Above all not whom they trust: what hides that from apps goes by HOME, which is another one here."""
    with tempfile.TemporaryDirectory(prefix="home.", dir="/var/tmp") as directory:
        config = Path(directory, ".config/appctl")
        config.mkdir(parents=True)
        (config / "secret").write_text("x")
        (tmp_path / "layer/usr/bin").mkdir(parents=True)
        program = tmp_path / "layer/usr/bin/look"
        program.write_text(
            f"#!/bin/sh\ntest -e {config}/secret && exit 7\n(: > {config}/mine) 2>/dev/null\nexit 0\n"
        )
        program.chmod(0o755)
        layout = Layout(tmp_path / "images")
        shutil.copytree(images.directory, layout.directory, dirs_exist_ok=True)
        wanted = wish.replace("CONFIG", str(config))
        metadata = f"[Application]\nname=org.example.Look\n\n[Context]\nfilesystems={wanted};"
        (tmp_path / "layer/app").mkdir()
        (tmp_path / "layer/app/metadata").write_text(metadata)
        labels = {"org.appctl.id": "org.example.Look", "org.appctl.metadata": metadata}
        layout.build(
            "look", [tmp_path / "layer"], Settings(entrypoint=("/usr/bin/look",), labels=labels), base="v1"
        )
        ran = tried(
            home | {"HOME": directory, "XDG_CACHE_HOME": f"{directory}/.cache"},
            "-y",
            f"oci:{layout.directory}",
            "--as",
            "look",
        )
        assert ran.code == 0, ran
        assert (f"filesystems={wanted} is not granted here" in ran.err) == (wish != "home")
        assert [path.name for path in config.iterdir()] == ["secret"]


def test_what_a_killed_one_left_the_next_one_removes(
    images: Layout, home: dict[str, str], tmp_path: Path
) -> None:
    """Directories that nobody may enter, thousands in each other, and a link to a file of the caller's."""
    place, mine = Path(home["XDG_CACHE_HOME"]) / "appctl/try-killed/data", tmp_path / "mine"
    mine.write_text("x")
    mine.chmod(0o640)
    (place / "closed/below").mkdir(parents=True)
    (place / "closed/below/file").write_bytes(b"x")
    (place / "closed/link").symlink_to(mine)
    nest(place, 2000)
    for path in ("closed/below", "closed"):
        (place / path).chmod(0)
    assert tried(home, f"oci:{images.directory}").code == 64
    assert left(home) == []
    assert stat.S_IMODE(mine.stat().st_mode) == 0o640


def nest(place: Path, count: int) -> None:
    """Directories in each other: more than a path has room for, and than a Python function calls itself."""
    here = os.open(place, os.O_RDONLY)
    for _ in range(count):
        os.mkdir("deeper", dir_fd=here)
        below = os.open("deeper", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)


def test_nobody_to_ask_is_usage_and_nothing_runs(images: Layout, home: dict[str, str]) -> None:
    ran = tried(home, f"oci:{images.directory}")
    assert ran.code == 64
    assert "Run it once?" in ran.err
    assert left(home) == []


@pytest.mark.parametrize(
    ("image", "code"),
    [("docker://quay.io/x", 64), ("oci:", 64), ("oci-archive:/nowhere", 64), ("oci:/nowhere", 3)],
)
def test_what_is_no_image_starts_nothing(image: str, code: int, home: dict[str, str]) -> None:
    assert tried(home, "-y", image).code == code
    assert left(home) == []


def test_an_archive_that_nobody_writes_is_not_waited_for(home: dict[str, str], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    ran = tried(home, "-y", f"oci-archive:{tmp_path / 'fifo'}")
    assert (ran.code, "no regular file" in ran.err) == (64, True)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_who_is_ended_takes_bus_and_daemon_along(
    how: signal.Signals, images: Layout, home: dict[str, str]
) -> None:
    ours, theirs = os.openpty()
    command = [str(BIN / "appctl"), "try", f"oci:{images.directory}"]
    try:
        with subprocess.Popen(
            command, env=home, stdin=theirs, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as running:
            assert running.stderr is not None
            said = b""
            while b"Run it once?" not in said:
                piece = os.read(running.stderr.fileno(), 4096)
                assert piece, said
                said += piece
            (bus,) = Path(home["XDG_RUNTIME_DIR"]).glob("appctl-*/dbus-*")
            running.send_signal(how)
    finally:
        os.close(ours)
        os.close(theirs)
    while _listens(bus):
        time.sleep(0.05)
    if how is signal.SIGTERM:
        assert left(home) == []


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        try:
            client.connect(str(path))
        except OSError:
            return False
        return True
