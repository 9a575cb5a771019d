# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""model/flatpak/labels.py and runtime.py: what labels say, and what they may not say."""

import json

import pytest

from appctld.errors import AppctlError, ArchMismatch, BadManifest, LimitExceeded, UnsupportedMediaType
from appctld.model.flatpak.labels import (
    APPSTREAM,
    COMMIT_KEYS,
    COMMIT_METADATA,
    FLATPAK_METADATA,
    REF,
    Described,
    describe,
    title_of,
    version_in,
)
from appctld.model.flatpak.ref import FlatpakRef, parse_ref
from appctld.model.flatpak.runtime import parse_runtime_metadata
from appctld.model.image import APP_ID, METADATA, TITLE, VERSION, ImageConfig, parse_config
from appctld.model.permissions import METADATA_BYTES
from appctld.model.published import FINAL
from support.worlds.flatpaks import EDITOR, PLATFORM, encoded, labels, metadata

XA = "org.flatpak.commit-metadata.xa."
DIFF_ID = "sha256:" + "a" * 64


def config(written: dict[str, str], arch: str = "amd64") -> ImageConfig:
    """A config with these labels."""
    image = {
        "os": "linux",
        "architecture": arch,
        "rootfs": {"type": "layers", "diff_ids": [DIFF_ID]},
        "config": {"Labels": written},
    }
    return parse_config(json.dumps(image).encode())


def app(text: str | None = None, **more: str) -> Described:
    """What an editor's labels say."""
    return describe(config({**labels(EDITOR, text or metadata(EDITOR)), **more}))


def test_an_app_is_described() -> None:
    found = app(metadata(EDITOR, "[Context]\nshared=network;\n[Extension org.acme.Extra]\ndirectory=x\n"))
    assert (found.ref, found.runtime, found.name) == (EDITOR, PLATFORM, "org.acme.Editor")
    assert [permission.value for permission in found.permissions] == ["network"]
    assert [str(point.ref) for point in found.points] == ["runtime/org.acme.Extra/x86_64/stable"]
    assert (found.files, found.is_runtime, found.is_flatpaks) == (("metadata",), False, True)


def test_a_runtime_is_described() -> None:
    more = (
        "[Environment]\nA=b\n[Context]\nshared=network\n[Extension org.acme.Platform.Locale]\ndirectory=x\n"
    )
    found = describe(config(labels(PLATFORM, metadata(PLATFORM, more))))
    assert (found.ref, found.runtime, found.name) == (PLATFORM, None, "org.acme.Platform._45")
    assert (found.permissions, found.ignored) == ((), ("[Context] of the runtime",))
    assert [str(point.ref) for point in found.points] == ["runtime/org.acme.Platform.Locale/x86_64/45"]
    assert found.is_runtime


def test_a_plain_image_may_be_an_app_on_a_runtime_or_a_runtime() -> None:
    found = describe(config({METADATA: metadata(EDITOR)}))
    assert (found.ref, found.runtime, found.name) == (None, PLATFORM, "org.acme.Editor")
    assert (found.files, found.is_flatpaks) == (("app/metadata", "metadata"), False)
    found = describe(config({REF: str(PLATFORM)}))
    assert (found.ref, found.text, found.is_runtime, found.is_flatpaks) == (PLATFORM, None, True, False)


def test_without_the_ref_flatpaks_metadata_label_means_nothing() -> None:
    assert describe(config({FLATPAK_METADATA: "rubbish"})).text is None


def test_an_image_without_labels_says_nothing() -> None:
    found = describe(config({}))
    assert found == Described(None, None, ("app/metadata", "metadata"), "")
    assert not found.is_runtime


def _commit(key: str, data: bytes) -> dict[str, str]:
    return {COMMIT_METADATA + key: encoded(data)}


LIES: list[tuple[dict[str, str], type[AppctlError], str]] = [
    ({REF: "org.acme.Editor"}, BadManifest, "no ref"),
    ({REF: "app/org.acme.Other/x86_64/stable"}, BadManifest, "differ|is that of"),
    ({REF: "app/org.acme.Editor/aarch64/stable"}, ArchMismatch, "aarch64"),
    ({APP_ID: "org.acme.Other"}, BadManifest, "another ID"),
    ({METADATA: metadata(EDITOR) + "#"}, BadManifest, "differ"),
    ({FINAL: DIFF_ID}, BadManifest, "OSTree commit"),
    ({XA + "ref": "!"}, BadManifest, "no base64"),
    ({XA + "ref": "YQ"}, BadManifest, "no base64"),
    ({XA + "ref": "Y\nQ=="}, BadManifest, "no base64"),
    (_commit("xa.anything", b"garbage"), BadManifest, "no GVariant"),
    (_commit("xa.ref", b"app/org.acme.Other/x86_64/stable\0\0s"), BadManifest, "differ"),
    (_commit("xa.ref", str(EDITOR).encode() + b"\0\0o"), BadManifest, "differ"),
    (_commit("xa.metadata", b"[Application]\nname=org.acme.Other\n\0\0s"), BadManifest, "differ"),
    ({f"{COMMIT_METADATA}{n}": encoded(b"x\0\0s") for n in range(COMMIT_KEYS)}, BadManifest, "labels"),
]  # fmt: skip


@pytest.mark.parametrize(("more", "error", "says"), LIES)
def test_labels_that_do_not_fit_are_refused(
    more: dict[str, str], error: type[AppctlError], says: str
) -> None:
    with pytest.raises(error, match=says):
        app(**more)


def test_labels_that_say_the_same_twice_are_taken() -> None:
    assert app(**{METADATA: metadata(EDITOR), APP_ID: EDITOR.id}).ref == EDITOR
    assert app(**{f"{COMMIT_METADATA}{n}": encoded(b"x\0\0s") for n in range(COMMIT_KEYS - 2)}).ref == EDITOR


APPS: list[tuple[str, type[AppctlError], str]] = [
    ("rubbish", BadManifest, "key file"),
    (metadata(PLATFORM), BadManifest, "no .Application"),
    ("[Application]\nname=org.acme.Editor\n", BadManifest, "names no runtime"),
    ("[Application]\nname=org.acme.Other\nruntime=org.acme.Platform/x86_64/45\n", BadManifest, "is that of"),
    ("[Application]\nname=org.acme.Editor\nruntime=../x86_64/45\n", BadManifest, "no application ID"),
    ("[Application]\nname=org.acme.Editor\nruntime=org.acme.Platform\n", BadManifest, "no ref"),
    ("[Application]\nname=org.acme.Editor\nruntime=org.acme.P/aarch64/1\n", ArchMismatch, "aarch64"),
    (metadata(EDITOR, "[Extension org.acme.X]\ndirectory=../x\n"), BadManifest, "no directory"),
    (metadata(EDITOR, "[Context]\nshared=everything\n"), UnsupportedMediaType, "everything"),
    (metadata(EDITOR, "#" + "x" * METADATA_BYTES), BadManifest, "64 KiB"),
]


@pytest.mark.parametrize(("text", "error", "says"), APPS)
def test_an_apps_metadata_that_does_not_fit_is_refused(
    text: str, error: type[AppctlError], says: str
) -> None:
    with pytest.raises(error, match=says):
        app(text)


RUNTIMES: list[tuple[str, type[AppctlError], str]] = [
    ("rubbish", BadManifest, "key file"),
    ("[Other]\n", BadManifest, "no .Runtime"),
    (metadata(PLATFORM, "[Environment]\nA B=c\n"), BadManifest, "no such name"),
    (metadata(EDITOR), BadManifest, "no .Runtime"),
    (metadata(PLATFORM) + "[Application]\nname=x\n", BadManifest, "is an app's"),
    ("[Runtime]\nname=org.acme.Other\n", BadManifest, "is that of"),
    (
        "[Runtime]\nname=org.acme.Platform\nruntime=org.acme.Below/x86_64/1\n",
        BadManifest,
        "stands on another",
    ),
    (
        "[Runtime]\nname=org.acme.Platform\nruntime=org.acme.Platform/x86_64/44\n",
        BadManifest,
        "stands on another",
    ),
    (
        metadata(PLATFORM, "".join(f"[Extension org.acme.X{n}]\ndirectory=x\n" for n in range(129))),
        LimitExceeded,
        "points",
    ),
]


@pytest.mark.parametrize(("text", "error", "says"), RUNTIMES)
def test_a_runtimes_metadata_that_does_not_fit_is_refused(
    text: str, error: type[AppctlError], says: str
) -> None:
    with pytest.raises(error, match=says):
        describe(config(labels(PLATFORM, text)))


SDK, LOCALE = (parse_ref(f"runtime/org.acme.{name}/x86_64/45") for name in ("Sdk", "Platform.Locale"))


@pytest.mark.parametrize(
    ("ref", "text"),
    [
        (PLATFORM, "[Runtime]\nname=org.acme.Platform\n"),
        (PLATFORM, metadata(PLATFORM)),
        (SDK, f"[Runtime]\nname=org.acme.Sdk\nruntime={PLATFORM.short}\nsdk={SDK.short}\n"),
        (LOCALE, f"[Runtime]\nname={LOCALE.name}\nruntime={PLATFORM.short}\n[ExtensionOf]\nref={PLATFORM}\n"),
    ],
)
def test_a_runtime_may_name_itself_and_an_sdk_or_an_extension_its_platform(
    ref: FlatpakRef, text: str
) -> None:
    assert describe(config(labels(ref, text))).runtime is None


def test_a_runtimes_environment_is_its_own_text() -> None:
    text = metadata(PLATFORM, "[Environment]\nB=1\nA=2\n[Session Bus Policy]\nx.y=talk\n")
    found = parse_runtime_metadata(text, PLATFORM)
    assert found.environment == (("A", "2"), ("B", "1"))
    assert found.ignored == ("[Session Bus Policy] of the runtime",)


XML = (
    '<component><name>Ink &amp; Pen</name><releases><release date="2" version="2.1"/><release version="2.0"/>'
)


def test_title_and_version_come_from_labels_in_turn() -> None:
    written = {**labels(EDITOR, metadata(EDITOR)), APPSTREAM: XML}
    assert (title_of(config(written)), version_in(config(written))) == ("Ink & Pen", "2.1")
    written |= {TITLE: "Editor", VERSION: "3"}
    assert (title_of(config(written)), version_in(config(written))) == ("Editor", "3")
    bare = config(labels(EDITOR, metadata(EDITOR)))
    assert (title_of(bare), version_in(bare)) == ("", "stable")
    assert version_in(config({})) == ""


@pytest.mark.parametrize(
    "text", ["<name>a&#10;b</name>", "<name>\x1b[31m</name>", "<name></name>", "<release >"]
)
def test_what_a_terminal_would_act_on_is_no_title(text: str) -> None:
    assert title_of(config({**labels(EDITOR, metadata(EDITOR)), APPSTREAM: text})) == ""
    release = f'<release version="{text[6:-7]}"/>'
    assert version_in(config({**labels(EDITOR, metadata(EDITOR)), APPSTREAM: release})) == "stable"
