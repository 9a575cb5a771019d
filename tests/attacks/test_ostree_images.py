# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Images that lie about the OSTree commit that they hold: by jobs in this process, and one by a real daemon.

The honest image is installed: every object of it is here when the lie comes, as its update or as another
image's. Whatever is refused, nothing at all has changed. The same lies without anything here, and many more,
are in tests/unit/workers/store/ostree_ext.
"""

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from appctld.errors import AppctlError, BadManifest, DigestMismatch, LimitExceeded, UnsafeArchive
from appctld.jobs.requests import Install, Verify
from appctld.model.jsonvalue import JsonObject
from appctld.workers.store.ostree.writer import METADATA_BYTES
from appctld.workers.store.ostree_ext.xattrs import XATTRS_BYTES
from support.layers.ostree_layers import REPO, File, Part, Published, changed, loose, obj
from support.machines.machine import Machine
from support.machines.unchanged import installed_state
from support.publishers.forge import Forgery
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
from support.workers.inline import digest_of
from support.worlds.world import Yard

UNKNOWN = f"{REPO}/{loose(META, 'file-xattrs')}"
UNKNOWN_OLD = f"{REPO}/xattrs/{META}"
TOO_LONG = bytes(METADATA_BYTES + 1)
UNSORTED = Published({"f": File(b"x", xattrs=((b"user.b", b"1"), (b"user.a", b"2")))})
METADATA_IN_FILES = [*MADE.files_layer(*MADE.files), (TREE_AT, dict(LAYER)[TREE_AT])]


@dataclass(frozen=True)
class Image:
    """Its layers; labels name `commit` and the last layer, if not another."""

    layers: list[list[Part]]
    commit: str = MADE.commit
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def tars(self) -> list[bytes]:
        """The layers as archives."""
        return [tar_of(parts) for parts in self.layers]

    @property
    def all_labels(self) -> dict[str, str]:
        """What its config says."""
        named = {"ostree.commit": self.commit, "ostree.final-diffid": digest_of(tar_of(self.layers[-1]))}
        return named | self.labels


HONEST, UPDATE = Image([LAYER]), Image([OTHER.layer()], OTHER.commit)
LIES: dict[str, tuple[type[AppctlError], Image]] = {
    "a file of another name": (DigestMismatch, Image([instead(FILE_AT, suid(b"4", mode=0o4755))])),
    "a dirtree of another name": (
        DigestMismatch,
        Image([instead(TREE_AT, obj(MADE.root, "dirtree", OTHER.metadata["dirtree"][OTHER.root]))]),
    ),
    "a commit of another name": (
        DigestMismatch,
        Image(
            [instead(COMMIT_AT, obj(MADE.commit, "commit", OTHER.metadata["commit"][OTHER.commit]))],
        ),
    ),
    "the commit later": (UnsafeArchive, Image([swapped(COMMIT_AT, TREE_AT)])),
    "no commit": (UnsafeArchive, Image([less(COMMIT_AT, DETACHED_AT)])),
    "detached metadata later": (UnsafeArchive, Image([swapped(DETACHED_AT, TREE_AT)])),
    "xattrs without their file": (UnsafeArchive, Image([more(obj(OTHER.commit, "file-xattrs-link"))])),
    "a file without its xattrs": (UnsafeArchive, Image([less(LINK_AT)])),
    "unknown xattrs": (UnsafeArchive, Image([instead(LINK_AT, link(UNKNOWN))])),
    "unknown xattrs of version 0": (
        UnsafeArchive,
        Image(
            [
                changed(
                    MADE.layer("old"),
                    FILE_AT,
                    link(UNKNOWN_OLD, "file.xattrs"),
                    (FILE_AT, dict(LAYER)[FILE_AT]),
                )
            ],
        ),
    ),
    "xattrs out of order": (UnsafeArchive, Image([UNSORTED.layer()], UNSORTED.commit)),
    "a long dirtree": (LimitExceeded, Image([instead(TREE_AT, obj(MADE.root, "dirtree", TOO_LONG))])),
    "a long commit": (LimitExceeded, Image([instead(COMMIT_AT, obj(MADE.commit, "commit", TOO_LONG))])),
    "long detached metadata": (
        LimitExceeded,
        Image([instead(DETACHED_AT, obj(MADE.commit, "commitmeta", TOO_LONG))]),
    ),
    "long xattrs": (
        LimitExceeded,
        Image([instead(LINK_AT, obj(SUID, "file-xattrs-link", bytes(XATTRS_BYTES + 1)))]),
    ),
    "metadata in a layer of files": (UnsafeArchive, Image([MADE.layer(files=False), METADATA_IN_FILES])),
    "a missing layer of files": (DigestMismatch, Image([MADE.layer(files=False)])),
    "another commit than its label says": (UnsafeArchive, Image([MADE.layer(detached=b"x")], "c" * 64)),
    "a last layer that is none": (
        BadManifest,
        Image([LAYER], labels={"ostree.final-diffid": f"sha256:{'0' * 64}"}),
    ),
}


DAY = "2024-01-{:02}T00:00:00Z"  # an update is younger than what it updates


def everything(state: Path) -> dict[str, object]:
    """Whatever an attack could change: what is installed, all objects, all refs, and records of layers."""
    found = installed_state(state)
    for path in (state / "repo/objects").glob("*/*"):
        status = path.lstat()
        found[str(path)] = status.st_ino, status.st_size, status.st_mtime_ns, status.st_mode
    texts = [*(state / "repo/refs/heads").rglob("*"), *(state / "remotes").rglob("*.json")]
    return found | {str(path): path.read_bytes() for path in texts if path.is_file()}


def push(yard: Yard, tag: str, image: Image, day: int) -> str:
    """Publish it in the registry in memory; its reference."""
    yard.registry.push(tag, image.tars, created=DAY.format(day), Labels=image.all_labels)
    return f"acme.example/x/sealed:{tag}"


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Yard:
    """Where the honest image is installed."""
    yard = Yard(tmp_path_factory.mktemp("yard"))
    yard.do(Install((push(yard, "1", HONEST, 1),)))
    return yard


@pytest.mark.parametrize("tag", [pytest.param("1", id="its update"), pytest.param("2", id="another image")])
@pytest.mark.parametrize(("error", "image"), LIES.values(), ids=LIES)
def test_a_lie_is_refused_and_nothing_has_changed(
    yard: Yard, error: type[AppctlError], image: Image, tag: str
) -> None:
    reference = push(yard, tag, image, 2)
    before = everything(yard.paths.root)
    with pytest.raises(AppctlError) as caught:
        yard.do(Install((reference,)))
    assert type(caught.value) is error
    assert everything(yard.paths.root) == before


def test_the_honest_update_is_installed(yard: Yard) -> None:
    """After all of that; so it was the lies that were refused."""
    (app,) = yard.apps(Install((push(yard, "1", UPDATE, 3),)))
    assert app["commit"] == UPDATE.commit
    assert yard.do(Verify(()))["problems"] == []
    subprocess.run(["ostree", "fsck", "--quiet", f"--repo={yard.paths.repo}"], check=True)


def test_a_lie_under_a_good_signature_ends_the_command_line_with_its_error(
    publisher: Publisher, tmp_path: Path
) -> None:
    key, file = publisher.keys.make("acme"), tmp_path / "acme.asc"
    file.write_bytes(publisher.keys.export(key, armor=True))

    def published(image: Image, day: int) -> str:
        forgery = Forgery(image.tars)
        forgery.config["config"]["Labels"] = image.all_labels
        forgery.config["created"] = DAY.format(day)
        forgery.push(publisher, "acme/sealed:1", key)
        return f"{publisher.registry.host}/acme/sealed:1"

    with Machine(tmp_path / "machine", measured=False) as machine:
        url = f"oci+http://{publisher.registry.host}/acme"
        machine.add_remote("acme", url, file, publisher.lookaside.url)
        installed: JsonObject = machine.appctl("install", "-y", "--json", published(HONEST, 1)).json["apps"][
            0
        ]
        before = everything(machine.state)
        lie = LIES["a file of another name"][1]
        ran = machine.appctl("install", "-y", "--json", published(lie, 2), code=5)
        assert [error["name"] for error in ran.json["errors"]] == ["DigestMismatch"]
        assert "Traceback" not in ran.err + ran.out
        assert everything(machine.state) == before
        assert Path(str(installed["deployment"]), "x/suid").read_bytes() == b"3"
        updated = machine.appctl("install", "-y", "--json", published(UPDATE, 3)).json["apps"][0]
        assert (updated["id"], updated["commit"]) == (installed["id"], UPDATE.commit)
        assert machine.appctl("verify", "--json").json["problems"] == []
        machine.fsck()
