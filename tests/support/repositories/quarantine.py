# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Quarantines as a pull leaves them, honest ones by `ostree`, and every lie that can be told in one.

scene = Scene(tmp_path)                                  # an honest commit, and a shared repository
scene.send(scene.honest())                               # what import-commit answers
quarantine, lie = scene.lie("dirtree", "swapped", honest_present=True)
with pytest.raises(DigestMismatch, match=lie.checksum):
    scene.send(quarantine)

`WAYS` says which lies there are about which object. With `honest_present` the shared repository has the
honest objects already, from another remote. `Forged` makes commits that no `ostree` would make.
"""

import os
import secrets
import shutil
import socket
import stat
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import gi

from appctld.model.jsonvalue import JsonObject
from appctld.workers.store.__main__ import HANDLERS
from appctld.workers.store.ostree.commit import Commit, parse_commit, serialize_commit
from appctld.workers.store.ostree.kinds import Kind, loose_path
from appctld.workers.store.ostree.objects import FileHead, checksum
from appctld.workers.store.ostree.tree import (
    DirTree,
    parse_dirtree,
    serialize_dirmeta,
    serialize_dirtree,
    serialize_xattrs,
)
from support.layers.tarball import archive, directory, entry, symlink
from support.repositories.store_state import State

gi.require_version("OSTree", "1.0")
from gi.repository import GLib  # noqa: E402

ATTRIBUTES = "user.ostreemeta"
BRANCH = "app/x86_64/stable"

HONEST = archive(
    directory("./"),
    directory("app/"),
    entry("app/metadata", content=b"[Application]\nname=org.example.App\n"),
    directory("d/", mode=0o750),
    entry("d/f", content=b"what was signed", mode=0o755, uid=7),
    entry("d/other", content=b"another file's", mode=0o755),
    symlink("d/l", "f"),
    symlink("d/other-link", "other"),
)
"""What `Scene` publishes; lies are told about `d`, its dirmeta, `d/f` and `d/l`."""


class Archive:
    """A publisher's repository, as a web server would show it."""

    def __init__(self, directory: Path) -> None:
        self.path = directory
        ostree(directory, "init", "--mode=archive")

    def commit(self, tar: bytes, *options: str, branch: str = BRANCH) -> str:
        """Commit a tree given as a tar; the commit's checksum."""
        source = self.path / "tmp" / "tree.tar"
        source.write_bytes(tar)
        tree = (f"--tree=tar={source}", "--tar-autocreate-parents", f"--branch={branch}")
        return ostree(self.path, "commit", *tree, *options).strip()


def ostree(repository: Path, command: str, *arguments: str) -> str:
    """What `ostree COMMAND` prints; a failure is an error."""
    line = ["ostree", command, f"--repo={repository}", *arguments]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def pull(source: Path, commit: str, into: Path) -> Path:
    """Let `ostree pull` bring a commit into a new quarantine, with every check that it has."""
    into.parent.mkdir(exist_ok=True)
    ostree(into, "init", "--mode=bare-user")
    ostree(into, "remote", "--no-gpg-verify", "add", "origin", f"file://{source}")
    ostree(into, "pull", "--disable-static-deltas", "origin", commit)
    return into


@dataclass(frozen=True)
class Lie:
    """The object that is not what its name says."""

    kind: Kind
    checksum: str


class Published:
    """An honest commit, and what a pull of it leaves; one serves many scenes."""

    def __init__(self, place: Path, tar: bytes = HONEST) -> None:
        place.mkdir(exist_ok=True)
        self.archive = Archive(place / "archive")
        self.commit = self.archive.commit(tar)
        self.pulled = pull(self.archive.path, self.commit, place / "pulled")


class Scene:
    """A shared repository, and quarantines that a test may spoil: each is a copy of what was pulled."""

    def __init__(self, place: Path, published: Published | None = None) -> None:
        place.mkdir(exist_ok=True)
        self.published = published or Published(place / "published")
        self.commit = self.published.commit
        self.state = State(place)

    def honest(self) -> Path:
        """A new quarantine with nothing wrong in it."""
        self.state.quarantine.mkdir(exist_ok=True)
        path = self.state.quarantine / secrets.token_hex(8)
        subprocess.run(["cp", "-a", self.published.pulled, path], check=True)
        return path

    def lie(self, about: str, way: str, *, honest_present: bool = False) -> tuple[Path, Lie]:
        """A new quarantine in which one object is spoilt in one of the `WAYS` that there are about it."""
        if honest_present:
            self.send(self.honest(), remote="other")
        quarantine = self.honest()
        lie = object_of(quarantine, self.commit, about)
        WAYS[about][way](quarantine, lie)
        return quarantine, lie

    def send(self, quarantine: Path, remote: str = "acme", **changed: object) -> JsonObject:
        """Import the commit from a quarantine."""
        return send(self.state, quarantine, self.commit, remote, **changed)


def send(state: State, quarantine: Path, commit: str, remote: str = "acme", **changed: object) -> JsonObject:
    """Import a commit, as the daemon would ask for it."""
    request = {
        "quarantine": str(quarantine),
        "commit": commit,
        "ref": f"appctl/commit/{remote}/{commit}",
        "max_bytes": 32 << 20,
        "strict": False,
    }
    return state.call(HANDLERS["import-commit"], **(request | changed))


def object_of(quarantine: Path, commit: str, about: str) -> Lie:
    """The object of an honest quarantine of `HONEST` that lies are told about."""
    root = parse_commit((quarantine / loose_path(Kind.COMMIT, commit)).read_bytes())
    top = parse_dirtree((quarantine / loose_path(Kind.DIRTREE, root.tree)).read_bytes())
    tree, meta = top.dirs["d"]
    below = parse_dirtree((quarantine / loose_path(Kind.DIRTREE, tree)).read_bytes())
    return {
        "commit": Lie(Kind.COMMIT, commit),
        "dirtree": Lie(Kind.DIRTREE, tree),
        "dirmeta": Lie(Kind.DIRMETA, meta),
        "file": Lie(Kind.FILE, below.files["f"]),
        "symlink": Lie(Kind.FILE, below.files["l"]),
    }[about]


def variant(type_string: str, value: object) -> bytes:
    """The bytes of a GVariant."""
    return GLib.Variant(type_string, value).get_data_as_bytes().get_data()


# --- lies ---------------------------------------------------------------------------------------------

Way = Callable[[Path, Lie], None]


def _object(quarantine: Path, lie: Lie) -> Path:
    return quarantine / loose_path(lie.kind, lie.checksum)


def _rewrite(change: Callable[[bytes], bytes]) -> Way:
    """Other bytes, the attributes as they were."""

    def way(quarantine: Path, lie: Lie) -> None:
        path = _object(quarantine, lie)
        path.write_bytes(change(path.read_bytes()))

    return way


def _attributes(change: Callable[[bytes], bytes]) -> Way:
    """The bytes as they were, other attributes."""

    def way(quarantine: Path, lie: Lie) -> None:
        path = _object(quarantine, lie)
        os.setxattr(path, ATTRIBUTES, change(os.getxattr(path, ATTRIBUTES)))

    return way


def _instead(make: Callable[[Path], object]) -> Way:
    """Something that is no regular file, under the object's name."""

    def way(quarantine: Path, lie: Lie) -> None:
        path = _object(quarantine, lie)
        path.unlink()
        make(path)

    return way


def _swapped(quarantine: Path, lie: Lie) -> None:
    """Another object of the same kind, attributes and all, under this one's name."""
    path = _object(quarantine, lie)
    kind = _file_type(path)
    others = [
        found
        for found in sorted(quarantine.glob(f"objects/??/*.{lie.kind.suffix}"))
        if found != path and _file_type(found) == kind and found.read_bytes() != path.read_bytes()
    ]
    path.unlink()
    shutil.copy2(others[0], path)


def _file_type(path: Path) -> int:
    """Of a file's object whether it is a symlink; 0 for metadata."""
    if path.suffix != ".file":
        return 0
    return stat.S_IFMT(int.from_bytes(os.getxattr(path, ATTRIBUTES)[8:12], "big"))


def _other_commit(quarantine: Path, lie: Lie) -> None:
    path = _object(quarantine, lie)
    honest = parse_commit(path.read_bytes())
    path.write_bytes(serialize_commit(Commit(honest.tree, honest.meta, 1)))


def _linked(quarantine: Path, lie: Lie) -> None:
    """A symlink to the honest bytes."""
    path = _object(quarantine, lie)
    path.rename(quarantine / "elsewhere")
    path.symlink_to(quarantine / "elsewhere")


def _linked_shard(quarantine: Path, lie: Lie) -> None:
    """The object's directory is a symlink to an honest one."""
    shard = _object(quarantine, lie).parent
    shard.rename(quarantine / "shard")
    shard.symlink_to(quarantine / "shard")


def _linked_objects(quarantine: Path, _lie: Lie) -> None:
    """The directory of all objects is a symlink to an honest one."""
    (quarantine / "objects").rename(quarantine / "honest")
    (quarantine / "objects").symlink_to("honest")


def _misnamed(quarantine: Path, lie: Lie) -> None:
    """The honest object under a name that differs in its last digit."""
    path = _object(quarantine, lie)
    digit = "0" if path.stem[-1] != "0" else "1"
    path.rename(path.with_name(f"{path.stem[:-1]}{digit}{path.suffix}"))


def _bind(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as unix:
        here = Path.cwd()
        os.chdir(path.parent)  # a socket's path has at most 108 bytes
        try:
            unix.bind(path.name)
        finally:
            os.chdir(here)


def _flip(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def _mode(mode: int) -> Way:
    return _attributes(lambda data: data[:8] + mode.to_bytes(4, "big") + data[12:])


_ANY: Mapping[str, Way] = {
    "missing": _instead(lambda _path: None),
    "misnamed": _misnamed,
    "flipped": _rewrite(_flip),
    "truncated": _rewrite(lambda data: data[:-2]),  # without its NUL a symlink would be the same
    "empty": _rewrite(lambda _data: b""),
    "longer": _rewrite(lambda data: data + b"x"),
    "linked": _linked,
    "linked-shard": _linked_shard,
    "linked-objects": _linked_objects,
    "fifo": _instead(os.mkfifo),
    "socket": _instead(_bind),
    "directory": _instead(Path.mkdir),
    "vast": lambda quarantine, lie: os.truncate(_object(quarantine, lie), 64 << 20),
}

_ATTRIBUTES: Mapping[str, Way] = {
    "owner": _attributes(lambda data: b"\0\0\0\1" + data[4:]),
    "setuid": _mode(stat.S_IFREG | 0o4755),
    "device": _mode(stat.S_IFCHR | 0o600),
    "no-type": _mode(0o755),
    "huge-mode": _mode(1 << 31 | stat.S_IFREG | 0o755),
    "xattr": _attributes(lambda data: data[:12] + serialize_xattrs([(b"user.x", b"1")])),
    "slack": _attributes(lambda data: data + b"\0"),
    "short": _attributes(lambda data: data[:11]),
    "none": lambda quarantine, lie: os.removexattr(_object(quarantine, lie), ATTRIBUTES),
}

WAYS: Mapping[str, Mapping[str, Way]] = {
    "commit": {**_ANY, "swapped": _other_commit},
    "dirtree": {**_ANY, "swapped": _swapped},
    "dirmeta": {**_ANY, "swapped": _swapped},
    "file": {**_ANY, **_ATTRIBUTES, "swapped": _swapped, "symlink": _mode(stat.S_IFLNK | 0o777)},
    "symlink": {**_ANY, **_ATTRIBUTES, "swapped": _swapped, "file": _mode(stat.S_IFREG | 0o644)},
}
"""Each lie about each kind of object."""

LIMITED = "vast"
"""One way more, about each object: a hole of 64 MiB, which only a limit refuses."""

CASES = [(about, way) for about, ways in WAYS.items() for way in ways if way != LIMITED]
"""Those that are refused as DigestMismatch or UnsafeArchive."""


# --- commits that no ostree makes ----------------------------------------------------------------------


class Forged:
    """A quarantine made object by object: every name is right, and what it names need not be sensible."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, kind: Kind, data: bytes) -> str:
        """A metadata object of any bytes; its checksum."""
        name = sha256(data).hexdigest()
        self._place(kind, name).write_bytes(data)
        return name

    def file(self, content: bytes = b"", head: FileHead | None = None) -> str:
        """A file's object, or a symlink's if `head` says so."""
        head = head or FileHead(0, 0, stat.S_IFREG | 0o644)
        link = stat.S_ISLNK(head.mode)
        name = checksum(head, () if link else (content,))
        path = self._place(Kind.FILE, name)
        path.write_bytes(head.target.encode() + b"\0" if link else content)
        fields = b"".join(number.to_bytes(4, "big") for number in (head.uid, head.gid, head.mode))
        os.setxattr(path, ATTRIBUTES, fields + serialize_xattrs(head.xattrs))
        return name

    def tree(self, tree: DirTree) -> str:
        """A dirtree that is as it should be."""
        return self.add(Kind.DIRTREE, serialize_dirtree(tree))

    def meta(self, mode: int = 0o755) -> str:
        """A dirmeta of root's."""
        return self.add(Kind.DIRMETA, serialize_dirmeta(0, 0, mode))

    def commit(self, tree: str, meta: str | None = None) -> str:
        """A commit of a root."""
        return self.add(Kind.COMMIT, serialize_commit(Commit(tree, meta or self.meta())))

    def publisher_commit(self, tree: str) -> str:
        """A commit as a publisher's tools may make one: with a parent, related objects and a body."""
        root = [bytes.fromhex(name) for name in (tree, self.meta())]
        metadata = {"version": GLib.Variant("s", "1.4"), "n": GLib.Variant("t", 7)}
        values = (metadata, b"p" * 32, [("a related one", b"r" * 32)], "A title", "A body", 0, *root)
        return self.add(Kind.COMMIT, variant("(a{sv}aya(say)sstayay)", values))

    def _place(self, kind: Kind, name: str) -> Path:
        path = self.path / loose_path(kind, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path
