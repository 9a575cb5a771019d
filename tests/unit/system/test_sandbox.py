# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""system/sandbox.py: the command lines, and what a program inside really sees.

The second half runs bubblewrap: what it shows is measured there, not read off the options.
"""

import asyncio
import fcntl
import json
import os
import socket
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import appctld
from appctld.errors import Failed
from appctld.system.capture import capture
from appctld.system.child import PLAIN, child
from appctld.system.pipes import memory_file
from appctld.system.sandbox import NAME_SERVICE, Bubblewrap
from appctld.system.worker import Processes, Program

CODE = Path(appctld.__file__).parent.parent
MODULE = "appctld.workers.store"

PYTHON = ("/usr/bin/python3", "-I", "-c")
LONG = 60.0


@pytest.fixture
def launcher() -> Bubblewrap:
    return Bubblewrap(code=(CODE,))


def options(argv: tuple[str, ...]) -> list[str]:
    return list(argv[: argv.index("--")])


def pairs(argv: tuple[str, ...], option: str) -> dict[str, str]:
    """Destination by source of every such option."""
    return {argv[at + 1]: argv[at + 2] for at, word in enumerate(argv) if word == option}


KINDS: list[tuple[str, Callable[[Bubblewrap], tuple[str, ...]]]] = [
    ("worker", lambda launcher: launcher.worker(MODULE)),
    ("network", lambda launcher: launcher.worker(MODULE, network=True)),
    ("writable", lambda launcher: launcher.worker(MODULE, writable=(Path("/srv/x"),))),
    ("readable", lambda launcher: launcher.worker(MODULE, readable=(Path("/srv/x"),))),
    ("stock", lambda launcher: launcher.stock("gzip", "-dc")),
]
ALWAYS = [
    ["--unshare-all"],
    ["--unshare-user"],
    ["--disable-userns"],
    ["--cap-drop", "ALL"],
    ["--die-with-parent"],
    ["--new-session"],
    ["--clearenv"],
]


@pytest.mark.parametrize("words", ALWAYS, ids=" ".join)
@pytest.mark.parametrize("make", [kind[1] for kind in KINDS], ids=[kind[0] for kind in KINDS])
def test_no_kind_is_started_without_isolation(
    launcher: Bubblewrap, make: Callable[[Bubblewrap], tuple[str, ...]], words: list[str]
) -> None:
    argv = make(launcher)
    assert argv[0] == "bwrap"
    found = options(argv)
    assert any(found[at : at + len(words)] == words for at in range(len(found)))


@pytest.mark.parametrize("make", [kind[1] for kind in KINDS], ids=[kind[0] for kind in KINDS])
def test_only_the_one_that_asks_gets_the_network_and_name_service(
    launcher: Bubblewrap, make: Callable[[Bubblewrap], tuple[str, ...]]
) -> None:
    argv = make(launcher)
    asked = argv == launcher.worker(MODULE, network=True)
    assert ("--share-net" in options(argv)) == asked
    assert set(NAME_SERVICE) <= set(argv) if asked else not set(NAME_SERVICE) & set(argv)


def test_only_what_is_named_is_writable(launcher: Bubblewrap) -> None:
    assert pairs(launcher.worker(MODULE, writable=(Path("/srv/x"),)), "--bind") == {"/srv/x": "/srv/x"}
    assert pairs(launcher.worker(MODULE, readable=(Path("/srv/x"),)), "--ro-bind")["/srv/x"] == "/srv/x"
    for argv in (
        launcher.worker(MODULE),
        launcher.worker(MODULE, network=True),
        launcher.worker(MODULE, readable=(Path("/srv/x"),)),
        launcher.stock("gzip"),
    ):
        assert pairs(argv, "--bind") == {}


def test_a_worker_is_our_interpreter_isolated_from_its_environment(launcher: Bubblewrap) -> None:
    argv = launcher.worker(MODULE)
    assert argv[argv.index("--") + 1 :] == (sys.executable, "-I", "-m", MODULE)
    assert pairs(argv, "--ro-bind")[str(CODE)] == str(CODE)


def test_a_stock_programs_arguments_are_never_options_of_the_sandbox(launcher: Bubblewrap) -> None:
    argv = launcher.stock("gzip", "--bind", "/", "/")
    assert "--bind" not in options(argv)
    assert argv[argv.index("--") + 1 :] == ("gzip", "--bind", "/", "/")


def test_nothing_of_our_own_code_is_in_a_stock_programs_view(launcher: Bubblewrap) -> None:
    assert str(CODE) not in launcher.stock("gzip")


def test_the_environment_of_bubblewrap_itself_is_fixed(
    launcher: Bubblewrap, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LD_PRELOAD in it would act on the host, outside of any sandbox."""
    monkeypatch.setenv("LD_PRELOAD", "/tmp/evil.so")
    assert set(launcher.environment) == {"PATH", "LANG"}


def inside(argv: tuple[str, ...], program: str, *fds: int) -> Any:  # noqa: ANN401 - JSON
    """What `program` assigns to `found` when it is run in the sandbox of `argv`."""
    words = [*options(argv), "--", *PYTHON, f"import json, os\n{program}\nprint(json.dumps(found))"]
    captured = asyncio.run(
        capture(
            words,
            pass_fds=fds,
            deadline=LONG,
            max_output=1 << 20,
            status=False,
            environment={**PLAIN, "APPCTL_SECRET": "x"},  # bubblewrap's own, which must not get in
        )
    )
    assert captured.returncode == 0
    return json.loads(captured.stdout)


@pytest.fixture(params=["worker", "stock"])
def closed(request: pytest.FixtureRequest, launcher: Bubblewrap) -> tuple[str, ...]:
    """A sandbox without network, of either kind."""
    return launcher.worker(MODULE) if request.param == "worker" else launcher.stock("gzip", "-dc")


def test_nothing_of_this_machine_is_there_but_programs(closed: tuple[str, ...], tmp_path: Path) -> None:
    names = ("home", "root", "etc/passwd", "etc/shadow", "etc/hosts", "run", "var", "srv", "sys")
    hidden = [
        str(path) for path in (tmp_path, *map(Path("/").joinpath, names)) if not CODE.is_relative_to(path)
    ]
    there = f"found = [path for path in {hidden!r} if os.path.lexists(path)]"
    assert inside(closed, there) == []
    assert inside(closed, "found = os.path.exists('/usr/bin/env')") is True


def test_home_is_not_visible(
    closed: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text("x")
    monkeypatch.setenv("HOME", str(tmp_path))
    found = inside(closed, f"found = [os.path.expanduser('~'), os.path.exists({str(tmp_path / 'secret')!r})]")
    assert found == ["/tmp", False]


def test_the_environment_is_cleared(closed: tuple[str, ...]) -> None:
    found = inside(closed, "found = dict(os.environ)")
    assert set(found) <= {"PATH", "LANG", "HOME", "TMPDIR", "PWD", "LC_CTYPE"}
    assert (found["HOME"], found["TMPDIR"]) == ("/tmp", "/tmp")


def test_no_other_process_is_there(closed: tuple[str, ...]) -> None:
    found = inside(
        closed,
        "def alive(pid):\n    try: os.kill(pid, 0)\n    except ProcessLookupError: return False\n"
        "    except PermissionError: return True\n    return True\n"
        f"found = [os.path.exists('/proc/1'), alive({os.getpid()}) and {os.getpid()} > 9]",
    )
    assert found == [False, False]


def test_there_are_no_capabilities_and_no_new_namespaces(closed: tuple[str, ...]) -> None:
    found = inside(
        closed,
        "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n"
        "found = [libc.unshare(0x10000000), libc.unshare(0x00020000), libc.prctl(39, 0, 0, 0, 0)]",
    )
    assert found == [-1, -1, 1], "CLONE_NEWUSER and CLONE_NEWNS fail, and PR_GET_NO_NEW_PRIVS says so"


def test_nothing_but_its_own_tmp_can_be_written(closed: tuple[str, ...]) -> None:
    written = f"/tmp/appctl-{os.getpid()}"
    found = inside(
        closed,
        f"found = []\nfor path in ('/usr/x', '/usr/bin/x', '{written}'):\n    try: open(path, 'w').close()\n"
        "    except OSError: continue\n    found.append(path)",
    )
    assert found == [written]
    assert not Path(written).exists()


CONNECT = """
import socket
try:
    socket.create_connection(("127.0.0.1", {port}), timeout=30).close()
    found = True
except OSError:
    found = False
"""


def test_this_machines_network_is_there_only_for_who_asks(launcher: Bubblewrap) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        program = CONNECT.format(port=server.getsockname()[1])
        assert inside(launcher.worker(MODULE, network=True), program) is True
        assert inside(launcher.worker(MODULE), program) is False
        assert inside(launcher.stock("gzip"), program) is False


def test_abstract_sockets_of_this_machine_are_not_there(closed: tuple[str, ...]) -> None:
    name = f"appctl-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"\0{name}")
        server.listen()
        found = inside(
            closed,
            f"import socket\nwith socket.socket(socket.AF_UNIX) as s:\n    found = s.connect_ex('\\0{name}')",
        )
    assert found != 0


def test_the_network_brings_name_service_and_no_other_file(launcher: Bubblewrap) -> None:
    found = inside(launcher.worker(MODULE, network=True), "found = os.listdir('/etc')")
    assert set(found) <= {"ld.so.cache", "ssl", *(Path(path).name for path in NAME_SERVICE)}


def test_a_writable_directory_is_writable_and_its_neighbour_is_not_there(
    launcher: Bubblewrap, tmp_path: Path
) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "neighbour").mkdir()
    argv = launcher.worker(MODULE, writable=(tmp_path / "state",))
    found = inside(argv, f"os.mkdir({str(tmp_path / 'state/new')!r}); found = os.listdir({str(tmp_path)!r})")
    assert found == ["state"]
    assert (tmp_path / "state" / "new").is_dir()


def test_a_readable_directory_is_there_and_stays_as_it_was(launcher: Bubblewrap, tmp_path: Path) -> None:
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "file").write_text("theirs")
    (tmp_path / "neighbour").mkdir()
    given = tmp_path / "given"
    program = (
        f"found = [os.listdir({str(tmp_path)!r}), open({str(given / 'file')!r}).read()]\n"
        f"for name in ('file', 'new'):\n    try: open({str(given)!r} + '/' + name, 'w').close()\n"
        "    except OSError: continue\n    found.append(name)"
    )
    found = inside(launcher.worker(MODULE, readable=(tmp_path / "given",)), program)
    assert found == [["given"], "theirs"]


def test_a_file_from_a_descriptor_is_there_and_read_only(launcher: Bubblewrap) -> None:
    number = memory_file("keyring", b"keys")
    argv = launcher.stock("gpgv", files={"/tmp/keyring": number})
    program = (
        "found = [open('/tmp/keyring').read(), os.access('/tmp/keyring', os.W_OK)]\n"
        "try: open('/tmp/keyring', 'w')\nexcept OSError: pass\nelse: found.append('written')"
    )
    assert inside(argv, program, number) == ["keys", False]


def test_a_stock_program_works_inside(launcher: Bubblewrap) -> None:
    argv = launcher.stock("gzip", "--version")
    found = asyncio.run(capture(argv, deadline=LONG, max_output=10_000, status=False))
    assert found.returncode == 0
    assert found.stdout.startswith(b"gzip")


def test_a_worker_of_ours_starts_inside_and_answers() -> None:
    launcher = Bubblewrap(code=(CODE, Path(sys.prefix)))
    worker = Program(MODULE, launcher.worker(MODULE), LONG, launcher.environment)
    with pytest.raises(Failed, match=r"a worker failed \(KeyError\)"):
        asyncio.run(Processes().run(worker, {"op": "no-such"}, lambda _: None, fds={}))


def test_what_runs_inside_dies_with_its_sandbox(launcher: Bubblewrap, tmp_path: Path) -> None:
    """It holds a lock through an inherited descriptor, as the workers hold the state's; then nobody does."""
    lock = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    ours = os.open(tmp_path / "lock", os.O_RDWR)
    argv = [
        *options(launcher.worker(MODULE)),
        "--",
        *PYTHON,
        "import time; print(flush=True); time.sleep(1000)",
    ]

    async def start() -> None:
        async with child(argv, stdin=DEVNULL, stdout=PIPE, held=(lock,)) as process:
            assert process.stdout is not None
            assert await process.stdout.readline() == b"\n"
            os.close(lock)
            with pytest.raises(BlockingIOError):
                fcntl.flock(ours, fcntl.LOCK_EX | fcntl.LOCK_NB)

    asyncio.run(start())
    fcntl.flock(ours, fcntl.LOCK_EX)  # waits until the last holder is gone
    os.close(ours)


def test_where_it_cannot_start_nothing_runs(tmp_path: Path) -> None:
    """A sandbox that fails is a failure: there is no second try without it."""
    launcher = Bubblewrap(code=(tmp_path / "no-such",))
    with pytest.raises(Failed, match="ended without an answer"):
        asyncio.run(
            Processes().run(Program(MODULE, launcher.worker(MODULE), LONG), {}, lambda _: None, fds={})
        )
