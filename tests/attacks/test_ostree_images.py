# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Images that lie about the OSTree commit that they hold, each validly signed, through a real daemon.

The honest image is installed: every object of it is here when the lie comes, as its update or as another
image's. Whatever is refused, nothing at all has changed. The same lies without anything here, and many more,
are in tests/unit/workers/store/ostree_ext.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from appctld.workers.store.ostree.writer import METADATA_BYTES
from appctld.workers.store.ostree_ext.xattrs import XATTRS_BYTES
from support.layers.ostree_layers import REPO, File, Part, Published, changed, loose, obj
from support.machines.machine import Machine
from support.publishers.forge import Forgery, digest_of
from support.publishers.publisher import Publisher
from support.repositories.ostree_lies import (
    COMMIT_AT,
    DETACHED_AT,
    FILE_AT,
    LAYER,
    LINK_AT,
    MADE,
    META,
    OTHER,
    SUID,
    TREE_AT,
    instead,
    less,
    link,
    more,
    suid,
    swapped,
)
from support.repositories.ostree_store import tar_of

UNKNOWN = f"{REPO}/{loose(META, 'file-xattrs')}"
UNKNOWN_OLD = f"{REPO}/xattrs/{META}"
TOO_LONG = bytes(METADATA_BYTES + 1)
UNSORTED = Published({"f": File(b"x", xattrs=((b"user.b", b"1"), (b"user.a", b"2")))})
METADATA_IN_FILES = [*MADE.files_layer(*MADE.files), (TREE_AT, dict(LAYER)[TREE_AT])]


@dataclass(frozen=True)
class Lie:
    """Layers that are refused with that error; labels name `commit` and the last layer, if not another."""

    error: str
    layers: list[list[Part]]
    commit: str = MADE.commit
    labels: dict[str, str] = field(default_factory=dict)


LIES = {
    "a file of another name": Lie("DigestMismatch", [instead(FILE_AT, suid(b"4", mode=0o4755))]),
    "a dirtree of another name": Lie(
        "DigestMismatch", [instead(TREE_AT, obj(MADE.root, "dirtree", OTHER.metadata["dirtree"][OTHER.root]))]
    ),
    "a commit of another name": Lie(
        "DigestMismatch",
        [instead(COMMIT_AT, obj(MADE.commit, "commit", OTHER.metadata["commit"][OTHER.commit]))],
    ),
    "the commit later": Lie("UnsafeArchive", [swapped(COMMIT_AT, TREE_AT)]),
    "no commit": Lie("UnsafeArchive", [less(COMMIT_AT, DETACHED_AT)]),
    "detached metadata later": Lie("UnsafeArchive", [swapped(DETACHED_AT, TREE_AT)]),
    "xattrs without their file": Lie("UnsafeArchive", [more(obj(OTHER.commit, "file-xattrs-link"))]),
    "a file without its xattrs": Lie("UnsafeArchive", [less(LINK_AT)]),
    "unknown xattrs": Lie("UnsafeArchive", [instead(LINK_AT, link(UNKNOWN))]),
    "unknown xattrs of version 0": Lie(
        "UnsafeArchive",
        [
            changed(
                MADE.layer("old"), FILE_AT, link(UNKNOWN_OLD, "file.xattrs"), (FILE_AT, dict(LAYER)[FILE_AT])
            )
        ],
    ),
    "xattrs out of order": Lie("UnsafeArchive", [UNSORTED.layer()], UNSORTED.commit),
    "a long dirtree": Lie("LimitExceeded", [instead(TREE_AT, obj(MADE.root, "dirtree", TOO_LONG))]),
    "a long commit": Lie("LimitExceeded", [instead(COMMIT_AT, obj(MADE.commit, "commit", TOO_LONG))]),
    "long detached metadata": Lie(
        "LimitExceeded", [instead(DETACHED_AT, obj(MADE.commit, "commitmeta", TOO_LONG))]
    ),
    "long xattrs": Lie(
        "LimitExceeded", [instead(LINK_AT, obj(SUID, "file-xattrs-link", bytes(XATTRS_BYTES + 1)))]
    ),
    "metadata in a layer of files": Lie("UnsafeArchive", [MADE.layer(files=False), METADATA_IN_FILES]),
    "a missing layer of files": Lie("DigestMismatch", [MADE.layer(files=False)]),
    "another commit than its label says": Lie("UnsafeArchive", [MADE.layer(detached=b"x")], "c" * 64),
    "a last layer that is none": Lie(
        "BadManifest", [LAYER], labels={"ostree.final-diffid": f"sha256:{'0' * 64}"}
    ),
}


class Victim:
    """A machine on which the honest image is installed as `acme/sealed:1`."""

    def __init__(self, machine: Machine, publisher: Publisher, key: str) -> None:
        self.machine = machine
        self._publisher = publisher
        self._key = key
        self.app = self.install("acme/sealed:1", Lie("", [LAYER]), 1)

    def install(self, name: str, lie: Lie, day: int) -> dict[str, object]:
        """Push an image and install it."""
        reference = self.push(name, lie, day)
        app: dict[str, object] = self.machine.appctl("install", "-y", "--json", reference).json["apps"][0]
        return app

    def push(self, name: str, lie: Lie, day: int) -> str:
        """Publish it under acme's good signature; its reference."""
        forgery = Forgery([tar_of(parts) for parts in lie.layers])
        labels = {"ostree.commit": lie.commit, "ostree.final-diffid": digest_of(forgery.tars[-1])}
        forgery.config["config"]["Labels"] = labels | lie.labels
        forgery.config["created"] = f"2024-01-{day:02}T00:00:00Z"
        forgery.push(self._publisher, name, self._key)
        return f"{self._publisher.registry.host}/{name}"

    def everything(self) -> tuple[object, ...]:
        """Whatever an attack could change: all objects, refs, records and links."""
        records = {str(path): path.read_bytes() for path in self.machine.state.glob("apps/*/*/*.json")}
        current = {str(path): path.readlink() for path in self.machine.state.glob("apps/*/current")}
        layers = {str(path): path.read_bytes() for path in self.machine.state.glob("remotes/**/*.json")}
        return self.machine.objects(), self.machine.refs(), records, current, layers


@pytest.fixture(scope="module")
def victim(publisher: Publisher, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    work = tmp_path_factory.mktemp("victim")
    key = publisher.keys.make("acme")
    (work / "acme.asc").write_bytes(publisher.keys.export(key, armor=True))
    with Machine(work / "machine", measured=False) as machine:
        url = f"oci+http://{publisher.registry.host}/acme"
        machine.add_remote("acme", url, work / "acme.asc", publisher.lookaside.url)
        yield Victim(machine, publisher, key)


@pytest.mark.parametrize("way", ["its update", "another image"])
@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_lie_is_refused_and_nothing_has_changed(victim: Victim, lie: Lie, way: str) -> None:
    reference = victim.push("acme/sealed:1" if way == "its update" else "acme/other:1", lie, 2)
    before = victim.everything()
    ran = victim.machine.appctl("install", "-y", "--json", reference, code=None)
    assert [error["name"] for error in ran.json["errors"]] == [lie.error], ran
    assert ran.code in {1, 5}
    assert "Traceback" not in ran.err + ran.out
    assert victim.everything() == before
    assert (Path(str(victim.app["deployment"])) / "x/suid").read_bytes() == b"3"
    victim.machine.fsck()


def test_the_honest_update_is_installed(victim: Victim) -> None:
    """After all of that; so it was the lies that were refused."""
    app = victim.install("acme/sealed:1", Lie("", [OTHER.layer()], OTHER.commit), 3)
    assert (app["id"], app["commit"]) == (victim.app["id"], OTHER.commit)
    assert json.loads(victim.machine.appctl("verify", "--json").out)["problems"] == []
