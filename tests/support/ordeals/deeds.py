# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Kinds of jobs that a fault may come into: how a house is before each, what is asked, and what it ends in.

A steady app is always there, and is never touched. The requests of a deed are what its workers are asked; a
test sees to it that none is left out.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from appctld.jobs.job import Job, State
from appctld.jobs.requests import Install, Refresh, Repair, Rollback, Uninstall, Update
from appctld.model.automatic import Extent
from support.images import catalogs
from support.layers.layers import tar
from support.ordeals.house import REMOTE, ByItself, House, Leave, Wish
from support.publishers.stand import Layer, Shown, Stand
from support.repositories.damage import flip
from support.workers.inline import layer_of

OTHER = "other"  # a remote of which no app is here
HELLO, STEADY = "org.acme.Hello", "org.acme.Steady"
BASE: Layer = ("zstd", tar(("usr/", "usr/share/", "usr/share/text = " + "all the same " * 2000)))


FOUNDATION: Layer = ("none", tar(("lib/", "lib/foundation = " + "steady " * 1000)))


def image(version: int, base: Layer = BASE) -> list[Layer]:
    """A layer that every version shares, and one that is a version's own, with an entry of another name."""
    entry = f"[Desktop Entry]\nType=Application\nName={version}\nExec=hello\n"
    shown = f"usr/share/applications/{HELLO}.V{version}.desktop = {entry}"
    own = ("usr/", "usr/bin/", f"usr/bin/hello 0755 = {version}", "usr/share/", "usr/share/applications/")
    return [base, ("gzip", tar((*own, shown)))]


UNCACHED = (("store", "prepare-caches", 1), ("store", "take-caches", 1))
CACHED = (*UNCACHED, ("update-desktop-database", "run", 1))
Prepare = Callable[[House], None]
TOLD = ("store", "keep-catalogs", 1)  # libappstream, of what is installed and listed


@dataclass
class Deed:
    """A kind of job: how the house is before it, what is asked, and the requests that its workers get.

    `tidying` are those whose failure fails no job. `heals` says that the job tries again by itself, `brings`
    that layers which it has brought stay; `apart` that each app is tried by itself: the job fails in part.
    """

    prepare: Prepare
    ask: Callable[[House], Wish]
    requests: tuple[tuple[str, str, int], ...]
    after: dict[str, str]
    before: dict[str, str] = field(default_factory=lambda: {STEADY: "1"})
    tidying: tuple[tuple[str, str, int], ...] = (*CACHED, TOLD)
    heals: bool = False
    brings: bool = True
    apart: bool = False


def just_the_steady_app(house: House) -> None:
    """Nothing else is there before the deed."""


def _two_versions(house: House) -> None:
    for version in (1, 2):
        publish(house.stand, version)
        done(house.do(Install((reference(house),))))
    publish(house.stand, 3)


def _two_versions_and_no_list(house: House) -> None:
    """And that the remote lists nothing was heard today."""
    _two_versions(house)
    done(house.do(Refresh((REMOTE,))))


def _one_blob_left(house: House) -> None:
    """As an install leaves it that was interrupted between the download and the import."""
    (_, top) = publish(house.stand, 1)
    shelf = house.paths.blobs_of(REMOTE, private=False)
    shelf.mkdir(parents=True, exist_ok=True)
    (shelf / top.hex).write_bytes(house.stand.body(top.path))


def _damaged(house: House) -> None:
    publish(house.stand, 1)
    done(house.do(Install((reference(house),))))
    files = house.paths.app(HELLO) / "current/files/usr/bin/hello"
    inode = files.stat().st_ino
    (found,) = [path for path in house.paths.repo.glob("objects/??/*.file") if path.lstat().st_ino == inode]
    flip(found)


def _shared(house: House) -> None:
    """Another remote's image, of which one layer is here."""
    house.trust("other")
    publish(house.stand, 1, "other/hello:1")


def _listed(house: House) -> None:
    """Two remotes' catalogues, and a newer one of the other remote."""
    house.trust(OTHER)
    for below, remote, version in (("demo", REMOTE, 5), ("other", OTHER, 1)):
        publish_catalogue(house.stand, below, version)
        done(house.do(Refresh((remote,))))
    publish_catalogue(house.stand, "other", 2)


def _unlisted(house: House) -> None:
    house.trust(OTHER)
    publish_catalogue(house.stand, "other", 1)


FETCHED = (
    ("fetch", "resolve", 1),
    ("fetch", "signatures", 1),
    ("gpgv", "run", 1),
    ("fetch", "blob", 1),  # the config
)
BROUGHT = (
    ("fetch", "blob", 2),
    ("store", "receive", 1),
    ("igzip", "run", 1),
    ("store", "import-layer", 1),
)
BROUGHT_LATER = (("fetch", "blob", 3), *BROUGHT[1:])  # the second is the config of the steady app
PRUNED = (("store", "quiet", 1), ("store", "prune", 1))
TIDIED = (("store", "remove", 1), *PRUNED)
PLACED = (("store", "merge", 1), ("store", "deploy", 1), *CACHED, TOLD)

SHOWN = (  # what brings it does there what it does in an install
    ("store", "store-catalog", 1),
    ("store", "show-catalog", 1),
    TOLD,
)
LISTED = {STEADY: "1", f"catalogue of {REMOTE}": "5"}

DEEDS = {
    "install": Deed(
        just_the_steady_app,
        lambda house: Install((reference(house),)),
        (*FETCHED, *BROUGHT, ("zstd", "run", 1), *PLACED),
        {STEADY: "1", HELLO: "1"},
    ),
    "resume": Deed(
        _one_blob_left,
        lambda house: Install((reference(house),)),
        (*FETCHED, ("store", "recheck", 1), ("igzip", "run", 1), ("store", "import-layer", 1), *PLACED),
        {STEADY: "1", HELLO: "1"},
    ),
    "adopt": Deed(
        _shared,
        lambda house: Install((reference(house, "other/hello:1"),)),
        (*FETCHED, *BROUGHT, ("store", "adopt-layer", 1), *PLACED),
        {STEADY: "1", HELLO: "1"},
    ),
    "update": Deed(
        _two_versions,
        lambda _house: Update((HELLO,)),
        (*FETCHED, *BROUGHT, *PLACED, *TIDIED),
        {STEADY: "1", HELLO: "3"},
        before={STEADY: "1", HELLO: "2"},
        tidying=(*TIDIED, *CACHED, TOLD),
    ),
    "update by itself": Deed(
        _two_versions_and_no_list,
        lambda _house: ByItself(Extent.INSTALL),
        (*FETCHED, *BROUGHT_LATER, *PLACED, *TIDIED),
        {STEADY: "1", HELLO: "3"},
        before={STEADY: "1", HELLO: "2"},
        tidying=(*TIDIED, *CACHED, TOLD),
        apart=True,
    ),
    "download by itself": Deed(
        _two_versions_and_no_list,
        lambda _house: ByItself(Extent.DOWNLOAD),
        (*FETCHED, *BROUGHT_LATER),
        {STEADY: "1", HELLO: "2", f"waiting {HELLO}": "1"},  # the tag
        before={STEADY: "1", HELLO: "2"},
        tidying=(),
        apart=True,
    ),
    "rollback": Deed(
        _two_versions,
        lambda _house: Rollback(HELLO),
        (("store", "activate", 1), *CACHED, TOLD),
        {STEADY: "1", HELLO: "1"},
        before={STEADY: "1", HELLO: "2"},
        tidying=(*CACHED, TOLD),
        brings=False,
    ),
    "uninstall": Deed(
        _two_versions,
        lambda _house: Uninstall((HELLO,)),
        (("store", "remove", 1), *UNCACHED, *PRUNED, TOLD),
        {STEADY: "1"},
        before={STEADY: "1", HELLO: "2"},
        tidying=(*PRUNED, *CACHED, TOLD),
        brings=False,
    ),
    "catalogue": Deed(
        _unlisted,
        lambda _house: Refresh((OTHER,)),
        SHOWN,
        {STEADY: "1", f"catalogue of {OTHER}": "1"},
        tidying=(TOLD,),
    ),
    "next catalogue": Deed(
        _listed,
        lambda _house: Refresh((OTHER,)),
        (*SHOWN, *PRUNED),
        {**LISTED, f"catalogue of {OTHER}": "2"},
        before={**LISTED, f"catalogue of {OTHER}": "1"},
        tidying=(TOLD, *PRUNED),
    ),
    "removal": Deed(
        _listed,
        lambda _house: Leave(OTHER),
        (TOLD,),
        LISTED,
        before={**LISTED, f"catalogue of {OTHER}": "1"},
        tidying=(TOLD,),
        brings=False,
    ),
    "repair": Deed(
        _damaged,
        lambda _house: Repair(),
        (
            ("store", "recall", 1),
            ("store", "audit", 1),
            ("store", "mend", 1),
            *FETCHED,
            *BROUGHT,
            *PLACED,
            ("store", "remove", 1),
            ("store", "prune", 1),
            ("store", "audit", 2),
        ),
        {STEADY: "1", HELLO: "1"},
        before={STEADY: "1"},  # what is damaged need not run
        heals=True,
        brings=False,  # what is damaged is fetched again
    ),
}


def done(job: Job) -> None:
    assert job.error is None, f"{job.error.name}: {job.error.message}"
    assert job.state is State.SUCCEEDED, job.state
    assert job.result.get("left", 0) == 0, job.result


def publish(stand: Stand, version: int, name: str = "demo/hello:1") -> list[Shown]:
    base = FOUNDATION if name == "other/hello:1" else BASE
    return stand.put(name, image(version, base), app=HELLO, created=f"2024-01-0{version}T00:00:00Z")


def publish_steady(stand: Stand) -> None:
    layers: list[Layer] = [FOUNDATION, ("none", tar(("usr/", "usr/bin/", "usr/bin/hello = 1")))]
    stand.put("demo/steady:1", layers, app=STEADY, created="2024-01-01T00:00:00Z")


def publish_catalogue(stand: Stand, below: str, version: int) -> list[Shown]:
    """A remote's list of one app, of that name."""
    app_id = f"org.acme.{below.capitalize()}"
    xml = catalogs.document(catalogs.component(app_id, f"{stand.host}/{below}/app:1", str(version)))
    layer = layer_of(catalogs.tree(xml, {f"64x64/{app_id}.png": catalogs.png(64)}))
    created = f"2024-01-0{version}T00:00:00Z"
    name = f"{below}/appctl-catalog:latest"
    return stand.put(name, [("gzip", layer)], created=created, labels=catalogs.LABELS)


def layers_of(deed: str, house: House) -> list[Shown]:
    """Those that the job needs; the tag leads to the version that it brings."""
    if deed in {"catalogue", "next catalogue", "removal"}:
        return publish_catalogue(house.stand, "other", 1 if deed == "catalogue" else 2)
    version = int(DEEDS[deed].after.get(HELLO, "1"))
    version = 3 if deed in {"rollback", "uninstall", "download by itself"} else version
    return publish(house.stand, version, "other/hello:1" if deed == "adopt" else "demo/hello:1")


def reference(house: House, name: str = "demo/hello:1") -> str:
    """What a caller types."""
    return f"{house.stand.host}/{name}"
