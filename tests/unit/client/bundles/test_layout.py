# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What of a directory is sent for one image: enough to choose, none of the others, nothing from outside."""

import errno
import json
import os
from pathlib import Path

import pytest

from appctl.bundles.layout import pick
from appctl.failure import UNREADABLE, Failure
from support.workers.shelves import Shelf, platform

REFERENCE = "quay.io/acme/tools/editor:1"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf(tmp_path / "images")


def image(shelf: Shelf, name: str, **members: object) -> dict[str, str]:
    """An image with a config and a layer; the digests of its parts."""
    config, layer = shelf.blob(f"config {name}".encode(), CONFIG), shelf.blob(f"layer {name}".encode(), LAYER)
    document = {"config": config, "layers": [layer], **members}
    digest = shelf.add(name, json.dumps(document).encode())
    return {"manifest": digest, "config": str(config["digest"]), "layer": str(layer["digest"])}


def picked(shelf: Shelf, reference: str = REFERENCE, *, layers: bool = True) -> set[str]:
    """The names of what is sent."""
    names = pick(shelf.directory, reference, layers=layers)
    assert names[:2] == [("oci-layout",), ("index.json",)]
    assert len({*names}) == len(names)
    return {"/".join(name) for name in names[2:]}


def blobs(*digests: str) -> set[str]:
    return {f"blobs/sha256/{digest.removeprefix('sha256:')}" for digest in digests}


@pytest.mark.parametrize("name", ["1", "editor:1", "tools/editor:1", REFERENCE, "registry.corp/editor:1"])
def test_what_may_be_meant_is_sent_and_nothing_of_the_others(name: str, shelf: Shelf) -> None:
    wanted = image(shelf, name)
    for other in ("2", "viewer:1", "quay.io/acme/tools/editor:2", "myeditor:1"):
        image(shelf, other)
    assert picked(shelf) == blobs(*wanted.values())
    assert picked(shelf, layers=False) == blobs(wanted["manifest"], wanted["config"])


def test_the_daemon_chooses_among_all_that_may_be_meant(shelf: Shelf) -> None:
    first, second = image(shelf, "editor:1"), image(shelf, "1")
    assert picked(shelf) == blobs(*first.values(), *second.values())


@pytest.mark.parametrize("name", ["", "app/org.acme.Editor/x86_64/stable"])
def test_the_only_image_whose_name_says_nothing(name: str, shelf: Shelf) -> None:
    wanted = image(shelf, name)
    assert picked(shelf) == blobs(*wanted.values())
    image(shelf, "2")
    with pytest.raises(Failure, match=f"has no {REFERENCE}; it has"):
        picked(shelf)


def test_of_an_index_what_this_machine_may_run_is_sent(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.uname", lambda: os.uname_result(("", "", "", "", "aarch64")))
    ours, theirs = image(shelf, ""), image(shelf, "x")
    entries = shelf.entries
    index = shelf.add_index("1", {**entries[1], **platform("s390x")}, {**entries[0], **platform("arm64")})
    shelf.entries = shelf.entries[2:]
    shelf.write()
    assert picked(shelf) == blobs(index, *ours.values())
    assert picked(shelf, f"quay.io/acme/tools/editor@{theirs['manifest']}") == blobs(index, *ours.values())
    monkeypatch.setattr("os.uname", lambda: os.uname_result(("", "", "", "", "unheard-of")))
    assert picked(shelf) == blobs(index, *ours.values(), *theirs.values())


def test_a_digest_is_looked_for_among_all(shelf: Shelf) -> None:
    image(shelf, "1")
    wanted = image(shelf, "other")
    assert picked(shelf, f"quay.io/x@{wanted['manifest']}") == blobs(*wanted.values())
    with pytest.raises(Failure, match="it has 1, other"):
        picked(shelf, f"quay.io/x@sha256:{'0' * 64}")


def test_signatures_go_along(shelf: Shelf) -> None:
    wanted = image(shelf, "1")
    place = shelf.sign(wanted["manifest"], b"first", b"second")
    shelf.sign("sha256:" + "0" * 64, b"another's")
    (place / "signature-4").write_bytes(b"behind a gap")
    attached = image(shelf, f"{wanted['manifest'].replace(':', '-')}.sig")
    about = {"subject": {"digest": wanted["manifest"]}}
    referrer = image(shelf, "", artifactType="x", **about)
    image(shelf, "", artifactType="x", subject={"digest": "sha256:" + "0" * 64})
    image(shelf, f"sha256-{'0' * 64}.sig")
    simple = {f"{place.relative_to(shelf.directory)}/signature-{number}" for number in (1, 2)}
    for layers in (True, False):
        assert picked(shelf, layers=layers) - blobs(wanted["layer"]) == simple | blobs(
            wanted["manifest"], wanted["config"], *attached.values(), *referrer.values()
        )


def test_an_index_of_referrers_goes_along_whole(shelf: Shelf) -> None:
    wanted = image(shelf, "1")
    referrer = image(shelf, "")
    entry = shelf.entries.pop()
    index = shelf.add_index(wanted["manifest"].replace(":", "-"), entry)
    assert picked(shelf) == blobs(*wanted.values(), *referrer.values(), index)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("index.json", "no JSON"),
        ("index.json", "[]"),
        ("index.json", "[" * 100_000),
        ("index.json", '{"manifests": [{"digest": "sha256:../../../etc/passwd"}]}'),
        ("index.json", '{"manifests": [{"digest": "sha512:0", "annotations": {}}]}'),
    ],
)
def test_what_is_no_layout(name: str, text: str, shelf: Shelf) -> None:
    (shelf.directory / name).write_text(text)
    with pytest.raises(Failure) as raised:
        picked(shelf)
    assert raised.value.name in {"BadManifest", "NotFound"}


def test_what_is_missing_is_said_before_anything_is_sent(shelf: Shelf) -> None:
    wanted = image(shelf, "1")
    shelf.path(wanted["layer"]).unlink()
    assert picked(shelf, layers=False)
    with pytest.raises(Failure, match=f"there is no {shelf.path(wanted['layer'])}"):
        picked(shelf)
    with pytest.raises(Failure, match=r"there is no .*index\.json"):
        pick(shelf.directory / "nowhere", REFERENCE, layers=True)


@pytest.mark.parametrize("kind", ["link", "FIFO", "link above"])
def test_nothing_outside_is_reached(kind: str, shelf: Shelf, tmp_path: Path) -> None:
    path = shelf.path(image(shelf, "1")["config"])
    if kind == "link above":
        path.parent.rename(tmp_path / "moved")
        path.parent.symlink_to(tmp_path / "moved")
    else:
        path.rename(tmp_path / "moved")
        os.mkfifo(path) if kind == "FIFO" else path.symlink_to(tmp_path / "moved")
    with pytest.raises(Failure) as raised:
        picked(shelf)
    assert raised.value.name == "BadManifest"
    assert ("a link is not followed" in raised.value.hint) == ("link" in kind)


def test_what_cannot_be_read_is_called_no_link(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    image(shelf, "1")
    monkeypatch.setattr("os.open", refused)
    with pytest.raises(Failure, match="Permission denied") as raised:
        picked(shelf)
    assert raised.value.hint == UNREADABLE


def test_a_copy_of_a_part_of_a_directory_is_sent(shelf: Shelf) -> None:
    wanted, absent = image(shelf, "1"), image(shelf, "")
    shelf.path(absent["manifest"]).unlink()
    assert picked(shelf) == blobs(*wanted.values())


def test_a_repository_that_leads_out_is_looked_for_nowhere(shelf: Shelf) -> None:
    wanted = image(shelf, "editor:1")
    above = shelf.directory.parent / f"editor@{wanted['manifest'].replace(':', '=')}"
    above.mkdir()
    (above / "signature-1").write_bytes(b"x")
    assert picked(shelf, "quay.io/../editor:1") == blobs(*wanted.values())
