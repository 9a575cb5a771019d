# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Images that lie in flatpak's own words: the table in this process, and two of them through a real daemon.

A runtime and an app on it are installed first. After every attack they are all there is. What an index server
may lie about is tried in tests/integration/test_flatpak.py.
"""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from appctld.errors import (
    AppctlError,
    ArchMismatch,
    BadManifest,
    Conflict,
    ContentMismatch,
    NotFound,
)
from appctld.jobs.requests import Install, Uninstall
from appctld.model.flatpak.labels import COMMIT_METADATA, FLATPAK_METADATA, REF
from appctld.model.flatpak.ref import FlatpakRef, parse_ref
from appctld.model.image import APP_ID, METADATA
from appctld.model.published import FINAL
from support.machines.machine import Machine
from support.machines.unchanged import installed_state
from support.publishers.forge import Forgery
from support.publishers.publisher import Publisher
from support.workers.inline import digest_of, layer_of
from support.worlds.flatpaks import EDITOR, PLATFORM, encoded, labels, metadata
from support.worlds.world import Yard

VIEWER = parse_ref("app/org.acme.Viewer/x86_64/stable")
FOREIGN = parse_ref("app/org.acme.Viewer/aarch64/stable")
BELOW = parse_ref("runtime/org.acme.Below/x86_64/1")
OTHER = parse_ref("runtime/org.acme.Platform/x86_64/46")


def tree(text: str, *, top: bool = True) -> bytes:
    """A layer in flatpak's form, or in an ordinary image's."""
    place = {"metadata": text.encode()} if top else {"app/": None, "app/metadata": text.encode()}
    return layer_of({**place, "files/": None, "usr/": None})


@dataclass(frozen=True)
class Image:
    """What its labels say, `more` over honest ones, and its tree; an honest one if nothing else is given."""

    ref: FlatpakRef = VIEWER
    text: str = ""
    found: str = ""
    more: Mapping[str, str | None] | None = None
    top: bool = True

    @property
    def layer(self) -> bytes:
        """Its tree."""
        return tree(self.found or self.text or metadata(self.ref), top=self.top)

    @property
    def labels(self) -> dict[str, str]:
        """None takes one away."""
        honest = labels(self.ref, self.text or metadata(self.ref))
        changed = {**honest, **(self.more or {})}
        return {name: value for name, value in changed.items() if value is not None}

    @property
    def name(self) -> str:
        """Where it is pushed, below the registry's name."""
        return f"{self.ref.name.lower()}:{self.ref.branch}"


def _commit(key: str, data: bytes) -> dict[str, str | None]:
    return {COMMIT_METADATA + key: encoded(data)}


PLAIN_LABEL = {
    FLATPAK_METADATA: None,
    REF: None,
    **{f"{COMMIT_METADATA}xa.{key}": None for key in ("ref", "metadata")},
}
LIES: dict[str, tuple[type[AppctlError], Image]] = {
    "the tree asks for more than the label": (
        ContentMismatch,
        Image(found=metadata(VIEWER, "[Context]\nshared=network\n")),
    ),
    "the tree has its file elsewhere": (ContentMismatch, Image(top=False)),
    "an ordinary tree asks for more": (
        ContentMismatch,
        Image(
            found=metadata(VIEWER, "[Context]\nshared=network\n"),
            more={**PLAIN_LABEL, METADATA: metadata(VIEWER)},
            top=False,
        ),
    ),
    "the label is that of another app": (BadManifest, Image(text=metadata(EDITOR))),
    "the ref is that of another app": (BadManifest, Image(more={REF: str(EDITOR)})),
    "the ref is none": (BadManifest, Image(more={REF: "../../etc"})),
    "the ref is another architecture's": (ArchMismatch, Image(FOREIGN)),
    "two labels for the ID": (BadManifest, Image(more={APP_ID: "org.acme.Other"})),
    "two labels for the metadata": (BadManifest, Image(more={METADATA: "[Application]\n"})),
    "commit metadata that is no base64": (BadManifest, Image(more={COMMIT_METADATA + "xa.ref": "!!"})),
    "commit metadata that is no GVariant": (BadManifest, Image(more=_commit("xa.x", b"garbage"))),
    "commit metadata that says another ref": (BadManifest, Image(more=_commit("xa.ref", b"app/x\0\0s"))),
    "an OSTree commit too": (BadManifest, Image(more={FINAL: digest_of(tree(metadata(VIEWER)))})),
    "an extension outside of the app": (
        BadManifest,
        Image(text=metadata(VIEWER, "[Extension org.acme.X]\ndirectory=../../etc\n")),
    ),
    "a runtime that is nowhere": (NotFound, Image(text=metadata(VIEWER, runtime=BELOW))),
    "a runtime that stands on another": (
        BadManifest,
        Image(ref=OTHER, text=f"[Runtime]\nname={OTHER.name}\nruntime={BELOW.short}\n"),
    ),
    "a runtime that stands on its other branch": (
        BadManifest,
        Image(ref=OTHER, text=f"[Runtime]\nname={OTHER.name}\nruntime={PLATFORM.short}\n"),
    ),
    "an app as a runtime": (BadManifest, Image(ref=OTHER, text=metadata(VIEWER))),
    "a branch that would take another's ID": (
        Conflict,
        Image(parse_ref("runtime/org.acme.Platform/x86_64/_45")),
    ),
}


def publish(yard: Yard, image: Image) -> str:
    """Push it to the registry in memory; its reference."""
    yard.registry.push(image.ref.branch, [image.layer], Labels=image.labels)
    return f"acme.example/x/{image.name}"


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Yard:
    """Where an editor is installed on acme's platform."""
    yard = Yard(tmp_path_factory.mktemp("yard"))
    for ref in (PLATFORM, EDITOR):
        yard.do(Install((publish(yard, Image(ref)),)))
    return yard


@pytest.mark.parametrize(("error", "image"), LIES.values(), ids=LIES)
def test_an_image_that_lies_in_flatpaks_words(yard: Yard, error: type[AppctlError], image: Image) -> None:
    reference = publish(yard, image)
    before = installed_state(yard.paths.root)
    with pytest.raises(AppctlError) as caught:
        yard.do(Install((reference,)))
    assert type(caught.value) is error
    assert installed_state(yard.paths.root) == before


def test_the_honest_one_is_installed(yard: Yard) -> None:
    """Else the lies above might have been refused for another reason."""
    (app,) = yard.apps(Install((publish(yard, Image()),)))
    assert app["id"] == VIEWER.id
    yard.do(Uninstall((VIEWER.id,)))
    subprocess.run(["ostree", "fsck", "--quiet", f"--repo={yard.paths.repo}"], check=True)


SIGNED = {"the tree asks for more than the label": 1, "the label is that of another app": 5}
"""Of each of the two errors that a lie mostly has one, and the exit code."""


def test_a_lie_under_a_good_signature_ends_the_command_line_with_its_error(
    publisher: Publisher, tmp_path: Path
) -> None:
    key, file = publisher.keys.make("acme-flatpaks"), tmp_path / "acme.asc"
    file.write_bytes(publisher.keys.export(key, armor=True))

    def push(image: Image) -> str:
        forgery = Forgery([image.layer])
        forgery.config["config"] = {"Labels": image.labels}
        forgery.push(publisher, f"acme/{image.name}", key)
        return f"{publisher.registry.host}/acme/{image.name}"

    with Machine(tmp_path / "machine", measured=False) as machine:
        url = f"oci+http://{publisher.registry.host}/acme"
        machine.add_remote("acme", url, file, publisher.lookaside.url)
        for ref in (PLATFORM, EDITOR):
            machine.appctl("install", "-y", push(Image(ref)))
        before = installed_state(machine.state)
        for name, code in SIGNED.items():
            error, lie = LIES[name]
            ran = machine.appctl("install", "-y", "--json", push(lie), code=code)
            assert [each["name"] for each in ran.json["errors"]] == [error.__name__]
            assert "error: " in ran.err
            assert "Traceback" not in ran.err + ran.out
            assert installed_state(machine.state) == before
        assert machine.appctl("install", "-y", "--json", push(Image())).json["changed"]
        machine.fsck()
