# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""running/volumes.py: what an image declares as a volume is the caller's own, and leads nowhere else."""

import errno
import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest

from appctl.__main__ import main
from appctl.caller_files import remove_tree
from appctl.running import volumes
from appctl.running.mounts.home import made_once
from support.machines.deployments import APP, Made
from support.machines.runtimes import change_tool, platform, tool

Capture = pytest.CaptureFixture[str]

pytestmark = [
    pytest.mark.skipif(os.geteuid() == 0, reason="apps are not run as root"),
    pytest.mark.usefixtures("places"),
]


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Where an app's volumes lie."""
    return tmp_path / "home/.var/app" / APP / "volumes"


def inside(capfd: Capture, script: str, *options: str) -> tuple[list[str], str]:
    """The words that a shell script in the app wrote, and what was noted; it must end well."""
    code = main(["run", *options, APP, script])
    out, err = capfd.readouterr()
    assert code == 0, err
    return out.split(), err


def with_volumes(shell: Made, *places: str, **more: str) -> None:
    shell.write(entrypoint=["sh", "-c"], volumes=list(places), **more)


def test_what_is_written_there_is_kept_and_what_is_around_stays_read_only(
    shell: Made, own: Path, capfd: Capture
) -> None:
    shell.text("/srv/acme/tool", "of the image\n")
    with_volumes(shell, "/data", "/srv/acme/db", "/opt/a%2Fb")
    script = (
        "for d in /data /srv/acme/db /opt/a%2Fb; do echo $d >$d/x; done; touch /srv/acme/new /srv/new || cat"
    )
    assert inside(capfd, f"{script} /srv/acme/tool 2>/dev/null")[0] == ["of", "the", "image"]
    assert {path.name: (path / "x").read_text() for path in own.iterdir()} == {
        "data": "/data\n",
        "srv%2Facme%2Fdb": "/srv/acme/db\n",
        "opt%2Fa%252Fb": "/opt/a%2Fb\n",
    }
    assert inside(capfd, "cat /data/x /srv/acme/db/x") == (["/data", "/srv/acme/db"], "")


def test_the_first_time_it_has_what_the_image_has_there_and_then_its_own(
    shell: Made, own: Path, tmp_path: Path, capfd: Capture
) -> None:
    (tmp_path / "secret").write_text("of the host")
    shell.text("/data/deep/seed", "first\n").text("/data/tool", "", 0o555).link(
        "/data/out", f"{tmp_path}/secret"
    )
    with_volumes(shell, "/data")
    script = "cat /data/deep/seed /data/out; test -x /data/tool; echo mine >/data/deep/seed; ls /data"
    assert inside(capfd, f"{script} 2>/dev/null")[0] == ["first", "deep", "out", "tool"]
    assert (own / "data/out").is_symlink()
    (shell.files / "data/deep/seed").chmod(0o644)
    (shell.files / "data/deep/seed").write_text("another version")
    assert inside(capfd, "cat /data/deep/seed")[0] == ["mine"]


@pytest.mark.parametrize("place", ["/data", "/data/db"])
def test_a_link_of_the_image_is_no_place(
    place: str, shell: Made, own: Path, tmp_path: Path, capfd: Capture
) -> None:
    (tmp_path / "outside/db").mkdir(parents=True)
    shell.text("/srv/real/db/x", "of the image\n").link("/data", "srv/real")
    shell.link("/other", str(tmp_path / "outside"))
    with_volumes(shell, place, place.replace("data", "other"))
    out, noted = inside(capfd, "cat /data/db/x; touch /data/db/y /other/db/y 2>/dev/null || echo read-only")
    assert out == ["of", "the", "image", "read-only"]
    assert f"VOLUME {place} is left out" in noted
    assert "VOLUME /other" in noted
    assert not own.exists()
    assert [path.name for path in (tmp_path / "outside").rglob("*")] == ["db"]


def test_a_file_of_the_image_is_no_place(shell: Made, own: Path, capfd: Capture) -> None:
    shell.text("/data", "a file").text("/srv", "another")
    with_volumes(shell, "/data", "/srv/db")
    out, noted = inside(capfd, "cat /data")
    assert (out, noted.count("is left out")) == (["a", "file"], 2)
    assert not own.exists()


@pytest.mark.parametrize("planted", ["volumes", "volumes/data"])
def test_a_link_in_the_place_of_a_volume_is_refused(
    planted: str, shell: Made, own: Path, tmp_path: Path, capfd: Capture
) -> None:
    (tmp_path / "outside").mkdir()
    with_volumes(shell, "/data")
    link = own.parent / planted
    link.parent.mkdir(parents=True)
    link.symlink_to(tmp_path / "outside")
    assert main(["run", APP, "touch /data/x"]) == 125
    assert "is no directory of yours" in capfd.readouterr().err
    assert list((tmp_path / "outside").iterdir()) == []


def test_what_somebody_shows_the_app_wins(shell: Made, own: Path, tmp_path: Path, capfd: Capture) -> None:
    """Else bubblewrap makes the mount point in it, whatever lies there."""
    shared = tmp_path / "shared"
    shared.mkdir()
    with_volumes(shell, f"{shared}/data", "/srv", "/kept")
    out, noted = inside(
        capfd, f"ls {shared}; touch /kept/x; ls /kept", f"--filesystem={shared}", "--filesystem=/srv:ro"
    )
    assert out == ["x"]
    assert list(shared.iterdir()) == []
    assert noted.count("something else is shown there") == 2


@pytest.mark.parametrize("place", ["/etc", "/var/lib/acme", "/run/acme", "/tmp", "/proc/self"])
def test_the_sandboxs_own_places_are_its_own_whatever_a_run_json_says(
    place: str, shell: Made, capfd: Capture
) -> None:
    with_volumes(shell, place)
    out, noted = inside(capfd, "ls /usr/bin/sh; cat /etc/hosts; ls -d /run/user /var/tmp")
    assert out[0] == "/usr/bin/sh"
    assert out[-2:] == ["/run/user", "/var/tmp"]
    assert f"VOLUME {place} is left out" in noted


def test_an_app_starts_in_a_volume_that_only_is_one(shell: Made, capfd: Capture) -> None:
    with_volumes(shell, "/data", cwd="/data")
    assert inside(capfd, "pwd")[0] == ["/data"]


def test_an_app_starts_where_its_directory_is_gone_from_a_volume(
    shell: Made, own: Path, tmp_path: Path, capfd: Capture
) -> None:
    """An update may name another one; what the user has there is what counts."""
    shell.text("/data/work/seed", "").text("/var/www/seed", "").link("/linked", "data/work")
    with_volumes(shell, "/data", cwd="/linked")
    assert inside(capfd, "cd -P . && pwd")[0] == ["/data/work"]
    with_volumes(shell, "/data", cwd="/data/work")
    assert inside(capfd, "pwd")[0] == ["/data/work"]
    shutil.rmtree(own / "data/work")
    assert inside(capfd, "pwd")[0] == ["/"]
    with_volumes(shell, "/data", cwd="/linked")
    assert inside(capfd, "pwd")[0] == ["/"]
    with_volumes(shell, "/data", cwd="/data/work")
    (own / "data/own").mkdir()
    assert inside(capfd, "pwd", "--cwd=/data/own")[0] == ["/data/own"]
    (own / "data/work").symlink_to(tmp_path)
    assert inside(capfd, "pwd")[0] == ["/"]
    shutil.rmtree(own.parent / "var/www")
    with_volumes(shell, cwd="/var/www")
    assert inside(capfd, "pwd")[0] == ["/"]


def test_none_comes_in_another_whatever_a_run_json_says(shell: Made, own: Path, capfd: Capture) -> None:
    """What is in the outer one is the app's doing: bubblewrap would follow a link there."""
    with_volumes(shell, "/data", "/data/db")
    out, noted = inside(capfd, "touch /data/x; ls /data")
    assert out == ["x"]
    assert "VOLUME /data/db is left out" in noted
    assert [path.name for path in (own / "data").iterdir()] == ["x"]


def test_an_empty_one_that_another_run_made_meanwhile_stays_the_same(tmp_path: Path) -> None:
    """An app may have it already, and what it writes would be in a directory that is nowhere."""
    place = tmp_path / "volumes/data"
    place.mkdir(parents=True)
    before = place.stat().st_ino
    made_once(place, None)
    assert (place.stat().st_ino, list(place.parent.iterdir())) == (before, [place])


@pytest.fixture
def nested(shell: Made, own: Path) -> Iterator[Path]:
    """A file of the image below more directories than Python calls functions in one another."""
    deep = f"{shell.files}/data"
    os.mkdir(deep)  # noqa: PTH102 - a Path takes as long as there are directories above it, each time
    for _ in range(1100):
        deep += "/d"
        os.mkdir(deep)  # noqa: PTH102
    file = Path(deep, "x")
    file.write_text("deep")
    with_volumes(shell, "/data")
    yield file
    remove_tree(shell.files / "data")
    remove_tree(own)


def test_what_an_image_nests_without_end_is_copied(nested: Path, shell: Made, own: Path) -> None:
    assert main(["run", APP, "true"]) == 0
    assert (own / nested.relative_to(shell.files)).read_text() == "deep"


@pytest.mark.usefixtures("nested")
def test_who_is_stopped_while_the_first_copy_is_made_leaves_no_half_of_it(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "copyfile", interrupted)
    assert main(["run", APP, "true"]) == 130
    assert list(own.iterdir()) == []


def test_what_is_left_of_a_run_that_was_killed_goes_with_the_next_first_copy(
    shell: Made, own: Path, tmp_path: Path, capfd: Capture
) -> None:
    """And nothing else: a volume may have nearly any name, and a link leads somewhere."""
    with_volumes(shell, "/%draft-x", "/.draft-x", "/data")
    (own / "%draft-abc/half").mkdir(parents=True)
    (tmp_path / "kept").mkdir()
    (own / "%draft-link").symlink_to(tmp_path / "kept")
    inside(capfd, "touch /%draft-x/x /.draft-x/x")
    shutil.rmtree(own / "data")
    inside(capfd, "true")
    assert sorted(path.name for path in own.iterdir()) == ["%25draft-x", "%draft-link", ".draft-x", "data"]
    assert [(own / name / "x").exists() for name in ("%25draft-x", ".draft-x")] == [True, True]
    assert (tmp_path / "kept").is_dir()


def test_while_one_copies_no_other_begins(
    shell: Made, own: Path, capfd: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which would take its draft for one that was left."""
    shell.text("/data/x", "").text("/data/y", "")
    with_volumes(shell, "/data")
    copied: list[str] = []

    def copy(_source: str, target: Path) -> None:
        directory = os.open(own, os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(directory)
        target.touch()
        copied.append(target.name)

    monkeypatch.setattr(shutil, "copyfile", copy)
    inside(capfd, "true")
    assert sorted(copied) == ["x", "y"]


def test_where_no_directory_can_be_locked_the_first_copy_counts_and_nothing_is_swept(
    shell: Made, own: Path, capfd: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NFS locks only what is open for writing."""
    shell.text("/data/x", "ours")
    with_volumes(shell, "/data")
    (own / "%draft-others").mkdir(parents=True)

    def locks_files(file: int | TextIO, how: int) -> None:
        if stat.S_ISDIR(os.fstat(file if isinstance(file, int) else file.fileno()).st_mode):
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        flock(file, how)

    def copy(_source: str, target: Path) -> None:
        target.touch()
        (own / "data").mkdir()
        (own / "data/x").write_text("first")

    flock = fcntl.flock
    monkeypatch.setattr(fcntl, "flock", locks_files)
    monkeypatch.setattr(shutil, "copyfile", copy)
    assert inside(capfd, "cat /data/x")[0] == ["first"]
    assert sorted(path.name for path in own.iterdir()) == ["%draft-others", "data"]


def test_one_that_begins_with_too_much_stays_the_images(
    shell: Made, own: Path, capfd: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes no other one's share."""
    shell.text("/a/x", "12345").text("/b/x", "123456").text("/c/x", "12345")
    with_volumes(shell, "/a", "/b", "/c")
    monkeypatch.setattr(volumes, "BYTES", 10)
    out, noted = inside(capfd, "cat /b/x; touch /a/y /c/y; touch /b/y || echo read-only")
    assert out == ["123456read-only"]
    assert "VOLUME /b is left out: it begins with more" in noted
    assert sorted(path.name for path in own.iterdir()) == ["a", "c"]
    monkeypatch.setattr(volumes, "BYTES", 1 << 30)
    monkeypatch.setattr(volumes, "ENTRIES", 0)
    _, noted = inside(capfd, "touch /a/z")  # which is there already
    assert noted.count("is left out") == 1


def test_an_app_on_a_runtime_has_them_beside_that_and_never_in_it(
    made: Made, own: Path, capfd: Capture
) -> None:
    platform(made.state, "sh", "ls", "touch")
    change_tool(tool(made.state), volumes=["/app/data", "/bin/x", "/data", "/usr/share/runtime"])
    (made.files / "data").mkdir()
    out, noted = inside(capfd, "ls /data /usr/share/runtime; touch /data/x")
    assert out == ["/data:", "/usr/share/runtime:", "about"]
    assert noted.count("something else is shown there") == 3
    assert (own / "data/x").exists()


def test_one_beside_too_many_files_stays_the_images(shell: Made, own: Path, capfd: Capture) -> None:
    """Each of them would be an argument for bubblewrap."""
    for name in range(volumes.BESIDE + 1):
        shell.text(f"/srv/many/{name}", "")
    shell.text("/srv/many/data/x", "of the image\n")
    with_volumes(shell, "/opt/data", "/srv/many/data")
    out, noted = inside(capfd, "cat /srv/many/data/x; touch /opt/data/x")
    assert out == ["of", "the", "image"]
    assert "VOLUME /srv/many/data is left out: too many files" in noted
    assert [path.name for path in own.iterdir()] == ["opt%2Fdata"]
