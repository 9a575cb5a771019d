# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""contents.py and second.py: two processes store what one would, or nothing."""

import contextlib
import errno
import json
import mmap
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import pytest

from appctld.errors import AppctlError, Failed, LimitExceeded, NoSpace
from appctld.workers.store.ostree import contents as module
from appctld.workers.store.ostree import second
from appctld.workers.store.ostree.contents import Contents
from appctld.workers.store.ostree.objects import FileHead, regular
from appctld.workers.store.ostree.repository import Repository
from appctld.workers.store.ostree.second import COUNT, DONE, FAILED, RECORDS, SLOT_BYTES, SLOTS, STORED
from appctld.workers.store.ostree.writer import SMALL_FILE, Writer
from appctld.workers.store.space import Room
from support.repositories.oracle_writer import stored

# Newer Pythons warn of a fork beside threads; here these are pytest's
pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")

HEAD = regular(0, 0, 0o755)
HEADS = [HEAD, regular(1, 2, 0o4644), regular(0, 0, 0o644, [(b"user.a", b"x" * 900), (b"user.b", b"y")])]
SIZES = [0, 1, 300, 4096, SMALL_FILE - 1, SMALL_FILE, SMALL_FILE + 1, 3 * SLOT_BYTES + 17]

Content = tuple[FileHead, bytes]


@pytest.fixture(name="_two", autouse=True)
def _two_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_useful", lambda: True)


def pieces(content: bytes, size: int) -> Iterator[memoryview]:
    for at in range(0, len(content), size):
        yield memoryview(content)[at : at + size]


@contextlib.contextmanager
def beginning(repository: Repository, room: Room | None = None) -> Iterator[tuple[Writer, Contents]]:
    """One transaction, whose contents go to a second process."""
    room = room or repository.room()
    with repository.shared(), repository.transaction() as writer, Contents(writer, room) as contents:
        contents.begin()
        yield writer, contents


def write(repository: Repository, given: Iterable[Content], room: Room | None = None) -> list[str]:
    """One transaction; its checksums in the order of what was given."""
    with beginning(repository, room) as (_, contents):
        numbers = [contents.add(head, len(content), pieces(content, 1 << 20)) for head, content in given]
        assert numbers == list(range(len(numbers)))
        return [contents.checksum(number).hex() for number in numbers]


def write_alone(repository: Repository, given: Iterable[Content]) -> list[str]:
    with repository.shared(), repository.transaction() as writer:
        return [writer.file(head, len(content), pieces(content, 1 << 20)) for head, content in given]


def opened(path: Path) -> Repository:
    path.mkdir(parents=True, exist_ok=True)
    return Repository.open(path)


def left(repo: Path) -> tuple[int, set[str]]:
    """How many objects there are, and what is in tmp/."""
    return len(list(repo.glob("objects/??/*"))), {path.name for path in (repo / "tmp").iterdir()} - {"cache"}


def children() -> str:
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text()


# --- what it stores -----------------------------------------------------------------------------------------


def mixed(seed: int) -> list[Content]:
    """Every size and head, and so many small ones that messages are full before slots are."""
    draw = random.Random(seed)  # noqa: S311 - the same bytes each time
    sizes = SIZES * 2 + [draw.choice([0, 1, 17, 300]) for _ in range(3 * RECORDS)]
    draw.shuffle(sizes)
    return [(draw.choice(HEADS), draw.randbytes(size)) for size in sizes]


@pytest.mark.parametrize("seed", [0, 1])
def test_two_processes_store_what_one_stores_and_say_it_in_order(tmp_path: Path, seed: int) -> None:
    given = mixed(seed)
    given += given[:40]  # one that is here already is no new one
    before = children()
    names = write(opened(tmp_path / "two"), given)
    assert names == write_alone(opened(tmp_path / "one"), given)
    assert stored(tmp_path / "two") == stored(tmp_path / "one")
    assert left(tmp_path / "two")[1] == set()
    assert children() == before


def test_many_heads_with_large_attributes_fit_whatever_comes_with_them(tmp_path: Path) -> None:
    """Of which tmpfs and ext4 hold 3 kB."""
    given = [
        (regular(n, 0, 0o644, [(b"user.a", bytes([n % 250]) * 3000)]), b"%d" % n * (n % 7) * 10_000)
        for n in range(500)
    ]
    assert write(opened(tmp_path / "two"), given) == write_alone(opened(tmp_path / "one"), given)
    assert stored(tmp_path / "two") == stored(tmp_path / "one")


def test_content_may_come_in_pieces_of_any_size(tmp_path: Path) -> None:
    repository = opened(tmp_path)
    content = os.urandom(3 * SLOT_BYTES)
    with beginning(repository) as (writer, made):
        for size, step in ((len(content), 4097), (len(content), len(content)), (9000, 1000)):
            number = made.add(HEAD, size, pieces(content[:size], step))
            assert made.checksum(number).hex() == writer.file(HEAD, size, [content[:size]])


def test_what_nobody_asked_for_is_stored_too(tmp_path: Path) -> None:
    repository, given = opened(tmp_path), mixed(6)
    with beginning(repository) as (_, made):
        for head, content in given:
            made.add(head, len(content), [content])
    assert len(set(write_alone(opened(tmp_path / "one"), given))) == left(tmp_path)[0]


def test_attributes_are_sent_once_a_slot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []
    message = second.message

    def noted(records: Sequence[int]) -> bytes:
        sent.extend(word & 3 for word in records)
        return message(records)

    monkeypatch.setattr(second, "message", noted)
    write(opened(tmp_path), [(HEAD, bytes([n])) for n in range(200)])
    assert (sent.count(second.Mark.HEAD), sent.count(second.Mark.WHOLE)) == (1, 200)


def test_the_memory_that_two_processes_share_is_bounded(tmp_path: Path) -> None:
    with beginning(opened(tmp_path)) as (_, made):
        assert made._second is not None
        assert [len(slot) for slot in made._second._slots] == [SLOT_BYTES] * SLOTS
        shared = made._second._slots[0].obj
        assert isinstance(shared, mmap.mmap)
        assert len(shared) == SLOT_BYTES * SLOTS
    assert SLOT_BYTES * SLOTS < 5 << 20


def test_objects_that_are_here_are_hashed_and_not_written(tmp_path: Path) -> None:
    given = mixed(3)
    repository = opened(tmp_path)
    names = write_alone(repository, given)
    before = {path: path.stat().st_ino for path in tmp_path.glob("objects/??/*")}
    assert write(repository, given) == names
    assert {path: path.stat().st_ino for path in tmp_path.glob("objects/??/*")} == before


def test_a_layer_that_stays_small_has_no_second_process(tmp_path: Path) -> None:
    repository, before = opened(tmp_path), children()
    with repository.shared(), repository.transaction() as writer, Contents(writer, repository.room()) as made:
        names = [made.add(HEAD, 1, [b"x"])]
        assert children() == before
        made.begin()
        made.begin()  # twice is once
        assert len(children().split()) == len(before.split()) + 1
        names += [made.add(HEAD, 1, [content]) for content in (b"x", b"y")]
        found = [made.checksum(number).hex() for number in names]
        assert found == [writer.file(HEAD, 1, [content]) for content in (b"x", b"x", b"y")]
    assert left(tmp_path) == (2, set())


ALONE = """
import os, threading
from appctld.workers.store.ostree.contents import _useful
os.sched_getaffinity = lambda _: {0, 1}
said = [_useful()]
wait = threading.Event()
threading.Thread(target=wait.wait, daemon=True).start()
said.append(_useful())
wait.set()
while threading.active_count() > 1:
    pass
os.sched_getaffinity = lambda _: {0}
print(*said, _useful())
"""


def test_there_is_none_beside_a_thread_or_on_one_core() -> None:
    done = subprocess.run([sys.executable, "-c", ALONE], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["True", "False", "False"]


def test_where_it_would_be_of_no_use_none_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_useful", lambda: False)
    before = children()
    with beginning(opened(tmp_path)) as (_, made):
        assert children() == before
        made.add(HEAD, 1, [b"x"])
    assert left(tmp_path) == (1, set())


def no_fork(number: int) -> Callable[[], int]:
    def fork() -> int:
        raise OSError(number, os.strerror(number))

    return fork


def sockets() -> int:
    links = (os.path.realpath(path) for path in list(Path("/proc/self/fd").iterdir()))
    return sum("socket:" in link for link in links)


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.ENOMEM])
def test_one_process_does_it_all_where_there_is_no_room_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(os, "fork", no_fork(number))
    given, before = mixed(7), sockets()
    assert write(opened(tmp_path / "two"), given) == write_alone(opened(tmp_path / "one"), given)
    assert stored(tmp_path / "two") == stored(tmp_path / "one")
    assert sockets() == before
    assert signal.SIGTERM not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


# --- what goes wrong ----------------------------------------------------------------------------------------


class Failing:
    """One system call, which fails in every process but this one."""

    def __init__(self, name: str, number: int) -> None:
        self._real = getattr(os, name)
        self._number = number
        self._here = os.getpid()

    def __call__(self, *arguments: object, **named: object) -> object:
        if os.getpid() != self._here:
            raise OSError(self._number, os.strerror(self._number))
        return self._real(*arguments, **named)


@pytest.mark.parametrize("content", [b"x" * 300, b"x" * (SMALL_FILE + 1)], ids=["small", "large"])
@pytest.mark.parametrize(
    ("call", "number", "leaf"),
    [
        ("write", errno.ENOSPC, NoSpace),
        ("write", errno.EIO, Failed),
        ("setxattr", errno.E2BIG, LimitExceeded),
        ("fchmod", errno.EIO, Failed),
    ],
)
def test_a_call_that_fails_in_the_second_process_fails_the_first(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    number: int,
    leaf: type[AppctlError],
    content: bytes,
) -> None:
    repository, before = opened(tmp_path), children()
    with monkeypatch.context() as patched:
        patched.setattr(os, call, Failing(call, number))
        with pytest.raises(leaf):
            write(repository, [(HEAD, content)])
        with pytest.raises(leaf):  # with much more to come when it happens
            write(repository, [(HEAD, content), *mixed(4)])
    assert left(tmp_path) == (0, set())
    assert children() == before


def test_a_second_process_that_may_not_be_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fork", no_fork(errno.EPERM))
    with pytest.raises(Failed, match="starting the process"):
        write(opened(tmp_path), [(HEAD, b"x")])
    assert left(tmp_path) == (0, set())


def test_an_error_that_nobody_foresaw_reaches_the_first_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> str:
        raise ZeroDivisionError

    repository = opened(tmp_path)
    monkeypatch.setattr(Writer, "small", broken)
    with pytest.raises(Failed, match="ZeroDivisionError"):
        write(repository, [(HEAD, b"x")])
    assert left(tmp_path) == (0, set())


def test_the_reserve_of_free_space_stays_free_in_the_second_process(tmp_path: Path) -> None:
    repository = opened(tmp_path)
    with pytest.raises(NoSpace) as caught:
        write(repository, [(HEAD, bytes(900)), (HEAD, bytes(6000))], Room(lambda: 5000))
    assert caught.value.data == {"bytes_needed": 6000 + 4096 - 5000}
    assert left(tmp_path) == (0, set())


def test_the_room_that_a_repository_gives_keeps_its_reserve(tmp_path: Path) -> None:
    repository = opened(tmp_path)
    repository.room().take(1)
    free = repository.free_space()
    repository.room().take(free - (1 << 20))
    with pytest.raises(NoSpace):
        repository.room().take(free + (64 << 20))


def test_xattrs_that_the_file_system_does_not_hold_are_a_limit(tmp_path: Path) -> None:
    head = regular(0, 0, 0o644, [(b"user.a", b"x" * 70_000)])
    with pytest.raises(LimitExceeded):
        write(opened(tmp_path), [(HEAD, b"x"), (head, b"x")])
    assert left(tmp_path) == (0, set())


@pytest.mark.parametrize("size", [5, SMALL_FILE + 5])
@pytest.mark.parametrize("more", [-1, 1, SLOT_BYTES])
def test_content_of_another_size_than_promised_is_a_failure(tmp_path: Path, size: int, more: int) -> None:
    repository, before = opened(tmp_path), children()

    def given() -> Iterator[memoryview]:
        yield from pieces(bytes(size + more), SMALL_FILE)
        assert more < 0, "it was asked for more than there may be"

    with pytest.raises(Failed, match="came as"), beginning(repository) as (_, made):
        made.add(HEAD, size, given())
    assert left(tmp_path) == (0, set())
    assert children() == before


def test_a_failure_of_the_first_process_ends_the_second(tmp_path: Path) -> None:
    def given() -> Iterator[Content]:
        yield from mixed(5)
        raise LookupError

    repository, before = opened(tmp_path), children()
    with pytest.raises(LookupError):
        write(repository, given())
    assert left(tmp_path) == (0, set())
    assert children() == before


# --- a second process that is killed, or lies ---------------------------------------------------------------

Serve = Callable[[socket.socket, Sequence[memoryview], Writer], None]


def dies(connection: socket.socket, _slots: object, _writer: object) -> None:
    connection.recv(second.MESSAGE_BYTES)
    os.kill(os.getpid(), signal.SIGKILL)


def says(*answers: bytes, status: int = 0) -> Serve:
    """Answer each message, the end among them, whatever it was, and end."""

    def serve(connection: socket.socket, _slots: object, _writer: object) -> None:
        for answer in answers:
            connection.recv(second.MESSAGE_BYTES)
            connection.send(answer)
        os._exit(status)

    return serve


SUM = bytes(32)


@pytest.mark.parametrize(
    "serve",
    [
        dies,
        says(),
        says(b""),
        says(b"X" + SUM),
        says(SUM),
        says(STORED),
        says(STORED + SUM[:31]),
        says(STORED + 2 * SUM),
        says(DONE + COUNT.pack(1)),
        says(STORED + SUM),
        says(STORED + SUM, STORED + SUM),
        says(b"X" + SUM, DONE + COUNT.pack(0)),
        says(STORED + SUM, b"X" + COUNT.pack(0)),
        says(STORED + SUM, DONE),
        says(STORED + SUM, DONE + COUNT.pack(0) + b"\0"),
        says(STORED + SUM, DONE + COUNT.pack(1)),  # which it never wrote
        says(STORED + SUM, DONE + COUNT.pack(0), status=1),
        says(FAILED),
        says(FAILED + b"{"),
        says(FAILED + b'["Nothing", "", "", {}]'),
        says(FAILED + b"\xff"),
    ],
)
def test_what_it_does_not_say_as_it_should_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, serve: Serve
) -> None:
    repository, before = opened(tmp_path), children()
    with monkeypatch.context() as patched:
        patched.setattr(second, "serve", serve)
        with pytest.raises(Failed):
            write(repository, [(HEAD, b"x")])
    assert left(tmp_path) == (0, set())
    assert children() == before


def test_an_answer_that_is_too_long_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wire = json.dumps(Failed("x" * second.MESSAGE_BYTES).to_wire()).encode()
    monkeypatch.setattr(second, "serve", says(FAILED + wire))
    with pytest.raises(Failed, match="ended before"):
        write(opened(tmp_path), [(HEAD, b"x")])


def test_one_that_is_killed_while_much_is_under_way_fails_all(tmp_path: Path) -> None:
    def given() -> Iterator[Content]:
        (pid,) = set(children().split()) - set(before.split())
        for number in range(2 * SLOTS):
            if number == SLOTS:
                os.kill(int(pid), signal.SIGKILL)
            yield HEAD, os.urandom(SMALL_FILE)

    repository, before = opened(tmp_path), children()
    with pytest.raises(Failed, match="ended before"):
        write(repository, given())
    assert left(tmp_path) == (0, set())
    assert children() == before


def killing(patched: pytest.MonkeyPatch, step: int) -> None:
    """Kill the second process at the so-manyth of its system calls."""
    here, count = os.getpid(), [step]

    def wrapped(real: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **named: object) -> object:
            if os.getpid() != here:
                count[0] -= 1
                if not count[0]:
                    os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **named)

        return call

    for name in ("access", "open", "write", "setxattr", "utime", "fchmod", "close", "rename"):
        patched.setattr(os, name, wrapped(getattr(os, name)))


def is_killed(path: Path, step: int) -> bool:
    """Whether the second process still had this step to do."""
    repository = opened(path)
    with pytest.MonkeyPatch.context() as patched:
        killing(patched, step)
        try:
            write(repository, [(HEAD, b"small"), (HEAD, b"x" * (SMALL_FILE + 1))])
        except Failed:
            assert left(path) == (0, set())
            return True
    assert left(path) == (2, set())
    return False


def test_a_kill_at_any_step_of_it_leaves_nothing(tmp_path: Path) -> None:
    step = 1
    while is_killed(tmp_path / str(step), step):
        step += 1
    assert step > 15


KILLED = """
import os, sys
from pathlib import Path
from appctld.workers.store.ostree import contents
from appctld.workers.store.ostree.objects import regular
from appctld.workers.store.ostree.repository import Repository
contents._useful = lambda: True
repository = Repository.open(Path(sys.argv[1]))
with repository.shared(), repository.transaction() as writer:
    with contents.Contents(writer, repository.room()) as made:
        made.begin()
        made.checksum(made.add(regular(0, 0, 0o644), 1, [b"x"]))
        print(open(f"/proc/self/task/{os.getpid()}/children").read(), flush=True)
        os.kill(os.getpid(), 9)
"""


def test_it_ends_with_the_first_process_and_leaves_what_the_next_transaction_removes(tmp_path: Path) -> None:
    repository = opened(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        said = process.stdout.read()  # to the end: the second process had this pipe, too
    assert process.returncode == -signal.SIGKILL
    assert int(said)
    assert len(left(tmp_path)[1]) == 1
    write_alone(repository, [])
    assert left(tmp_path) == (0, set())


# --- the second process's own guards ------------------------------------------------------------------------


def served(repository: Repository, messages: Sequence[bytes], slot: bytes = b"") -> list[bytes]:
    """What it answers to messages, in this process."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    slots = [memoryview(slot)] * SLOTS
    with ours, theirs, repository.shared(), repository.transaction() as writer:
        for message in messages:
            ours.send(message)
        ours.shutdown(socket.SHUT_WR)
        second.serve(theirs, slots, writer)
        theirs.shutdown(socket.SHUT_WR)
        return list(iter(lambda: ours.recv(1 << 20), b""))


def test_what_a_slot_cannot_hold_is_a_failure(tmp_path: Path) -> None:
    mark, record, message = second.Mark, second.record, second.message
    for records in (
        [record(mark.WHOLE, 0)],
        [record(mark.PART, 0)],
        [record(mark.HEAD, 12), record(mark.PART, 0)],
        [record(mark.HEAD, 12), record(mark.LARGE, 5)],
        [record(mark.HEAD, 12), record(mark.LARGE, 5), record(mark.WHOLE, 5)],
        [record(mark.HEAD, 3)],
    ):
        answers = served(opened(tmp_path), [message(records)], bytes(8) + b"\0\0\x81\xa4" + b"hello")
        assert answers[-1].startswith(FAILED)
        assert b'["Failed", "a ' in answers[-1] or b"UnsafeArchive" in answers[-1]
    assert left(tmp_path) == (0, set())


def test_it_says_how_many_objects_are_new(tmp_path: Path) -> None:
    mark, record, message = second.Mark, second.record, second.message
    records = [record(mark.HEAD, 12), record(mark.WHOLE, 2), record(mark.LARGE, 3), record(mark.PART, 3)]
    answers = served(opened(tmp_path), [message(records)] * 2, bytes(8) + b"\0\0\x81\xa4" + b"hello")
    assert [answer[:1] for answer in answers] == [STORED, STORED, DONE]
    assert answers[0] == answers[1]
    assert len(answers[0]) == 1 + 2 * 32
    assert answers[2] == DONE + COUNT.pack(2)


def test_a_message_that_is_too_long_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mark, record, message = second.Mark, second.record, second.message
    monkeypatch.setattr(second, "MESSAGE_BYTES", 8 * 3)
    records = [record(mark.HEAD, 12), *[record(mark.WHOLE, 0)] * 5]
    (answer, _) = served(opened(tmp_path), [message(records)], bytes(8) + b"\0\0\x81\xa4")
    assert answer.startswith(STORED)
    assert len(answer) <= 1 + 2 * 32
