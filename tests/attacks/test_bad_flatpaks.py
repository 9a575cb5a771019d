# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Validly signed images that lie in flatpak's own words, through the CLI and a real daemon.

A runtime and an app on it are installed first. After every attack they are all there is. What an index server
may lie about is tried in tests/integration/test_flatpak.py.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest

from appctld.model.flatpak.labels import COMMIT_METADATA, FLATPAK_METADATA, REF
from appctld.model.flatpak.ref import FlatpakRef, parse_ref
from appctld.model.image import APP_ID, METADATA
from appctld.model.published import FINAL
from support.machines.machine import Machine
from support.publishers.forge import Forgery, digest_of
from support.publishers.publisher import Publisher
from support.workers.inline import layer_of
from support.worlds.flatpaks import EDITOR, PLATFORM, encoded, labels, metadata

VIEWER = parse_ref("app/org.acme.Viewer/x86_64/stable")
FOREIGN = parse_ref("app/org.acme.Viewer/aarch64/stable")
BELOW = parse_ref("runtime/org.acme.Below/x86_64/1")
OTHER = parse_ref("runtime/org.acme.Platform/x86_64/46")


def tree(text: str, *, top: bool = True) -> bytes:
    """A layer in flatpak's form, or in an ordinary image's."""
    place = {"metadata": text.encode()} if top else {"app/": None, "app/metadata": text.encode()}
    return layer_of({**place, "files/": None, "usr/": None})


@dataclass
class Victim:
    """A machine that trusts acme, and runs an editor on acme's platform."""

    machine: Machine
    publisher: Publisher
    key: str

    def push(self, ref: FlatpakRef, written: Mapping[str, str], found: str, *, top: bool = True) -> str:
        """Publish an image with these labels and that metadata file under a good signature."""
        forgery = Forgery([tree(found, top=top)])
        forgery.config["config"] = {"Labels": dict(written)}
        name = f"acme/{ref.name.lower()}:{ref.branch}"
        forgery.push(self.publisher, name, self.key)
        return f"{self.publisher.registry.host}/{name}"

    def state(self) -> tuple[dict[str, bytes], set[str], set[str]]:
        """Everything that an attack may not change."""
        records = {str(path): path.read_bytes() for path in self.machine.state.glob("apps/*/*/*.json")}
        currents = {f"{path} {path.readlink()}" for path in self.machine.state.glob("apps/*/current")}
        return records, currents, {ref for ref in self.machine.refs() if "/app/" in ref}


@pytest.fixture(scope="module")
def victim(publisher: Publisher, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    work = tmp_path_factory.mktemp("victim")
    key = publisher.keys.make("acme-flatpaks")
    file = work / "acme.asc"
    file.write_bytes(publisher.keys.export(key, armor=True))
    with Machine(work / "machine", measured=False) as machine:
        machine.add_remote(
            "acme", f"oci+http://{publisher.registry.host}/acme", file, publisher.lookaside.url
        )
        victim = Victim(machine, publisher, key)
        for ref in (PLATFORM, EDITOR):
            reference = victim.push(ref, labels(ref, metadata(ref)), metadata(ref))
            machine.appctl("install", "-y", reference)
        yield victim


@dataclass(frozen=True)
class Lie:
    """What an image's labels say, `more` over honest ones, and its tree; and what that is called."""

    error: str
    code: int = 5
    ref: FlatpakRef = VIEWER
    text: str = ""
    found: str = ""
    more: Mapping[str, str | None] | None = None
    top: bool = True

    def written(self) -> dict[str, str]:
        """Its labels; None takes one away."""
        honest = labels(self.ref, self.text or metadata(self.ref))
        changed = {**honest, **(self.more or {})}
        return {name: value for name, value in changed.items() if value is not None}


def _commit(key: str, data: bytes) -> dict[str, str | None]:
    return {COMMIT_METADATA + key: encoded(data)}


PLAIN_LABEL = {
    FLATPAK_METADATA: None,
    REF: None,
    **{f"{COMMIT_METADATA}xa.{key}": None for key in ("ref", "metadata")},
}
LIES = {
    "the tree asks for more than the label": Lie(
        "ContentMismatch", 1, found=metadata(VIEWER, "[Context]\nshared=network\n")
    ),
    "the tree has its file elsewhere": Lie("ContentMismatch", 1, top=False),
    "an ordinary tree asks for more": Lie(
        "ContentMismatch",
        1,
        found=metadata(VIEWER, "[Context]\nshared=network\n"),
        more={**PLAIN_LABEL, METADATA: metadata(VIEWER)},
        top=False,
    ),
    "the label is that of another app": Lie("BadManifest", text=metadata(EDITOR)),
    "the ref is that of another app": Lie("BadManifest", more={REF: str(EDITOR)}),
    "the ref is none": Lie("BadManifest", more={REF: "../../etc"}),
    "the ref is another architecture's": Lie("ArchMismatch", 1, FOREIGN),
    "two labels for the ID": Lie("BadManifest", more={APP_ID: "org.acme.Other"}),
    "two labels for the metadata": Lie("BadManifest", more={METADATA: "[Application]\n"}),
    "commit metadata that is no base64": Lie("BadManifest", more={COMMIT_METADATA + "xa.ref": "!!"}),
    "commit metadata that is no GVariant": Lie("BadManifest", more=_commit("xa.x", b"garbage")),
    "commit metadata that says another ref": Lie("BadManifest", more=_commit("xa.ref", b"app/x\0\0s")),
    "an OSTree commit too": Lie("BadManifest", more={FINAL: digest_of(tree(metadata(VIEWER)))}),
    "an extension outside of the app": Lie(
        "BadManifest", text=metadata(VIEWER, "[Extension org.acme.X]\ndirectory=../../etc\n")
    ),
    "a runtime that is nowhere": Lie("NotFound", 3, text=metadata(VIEWER, runtime=OTHER)),
    "a runtime that stands on another": Lie(
        "BadManifest", ref=OTHER, text=f"[Runtime]\nname={OTHER.name}\nruntime={BELOW.short}\n"
    ),
    "a runtime that stands on its other branch": Lie(
        "BadManifest", ref=OTHER, text=f"[Runtime]\nname={OTHER.name}\nruntime={PLATFORM.short}\n"
    ),
    "an app as a runtime": Lie("BadManifest", ref=OTHER, text=metadata(VIEWER)),
    "a branch that would take another's ID": Lie(
        "Conflict", 1, parse_ref("runtime/org.acme.Platform/x86_64/_45")
    ),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_an_image_that_lies_in_flatpaks_words(victim: Victim, lie: Lie) -> None:
    reference = victim.push(lie.ref, lie.written(), lie.found or lie.text or metadata(lie.ref), top=lie.top)
    before = victim.state()
    ran = victim.machine.appctl("install", "-y", "--json", reference, code=lie.code)
    assert [error["name"] for error in ran.json["errors"]] == [lie.error]
    assert "error: " in ran.err
    assert "Traceback" not in ran.err + ran.out
    assert victim.state() == before
    victim.machine.fsck()


def test_the_honest_one_is_installed(victim: Victim) -> None:
    """Else the lies above might have been refused for another reason."""
    reference = victim.push(VIEWER, labels(VIEWER, metadata(VIEWER)), metadata(VIEWER))
    assert victim.machine.appctl("install", "-y", "--json", reference).json["changed"]
    victim.machine.appctl("uninstall", "-y", VIEWER.id)
