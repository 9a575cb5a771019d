# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""model/flatpak/ref.py: which texts are refs, and which IDs they have."""

import pytest

from appctld.errors import BadManifest
from appctld.model.flatpak.ref import REF_LENGTH, FlatpakRef, flatpak_arch, parse_ref, parse_runtime


def test_a_ref_is_read_and_written() -> None:
    ref = parse_ref("app/org.acme.Editor/x86_64/stable")
    assert ref == FlatpakRef("app", "org.acme.Editor", "x86_64", "stable")
    assert str(ref) == "app/org.acme.Editor/x86_64/stable"
    assert ref.short == "org.acme.Editor/x86_64/stable"
    assert parse_runtime("org.acme.Platform/x86_64/1") == parse_ref("runtime/org.acme.Platform/x86_64/1")


@pytest.mark.parametrize(
    ("ref", "app_id"),
    [
        ("app/org.acme.Editor/x86_64/stable", "org.acme.Editor"),
        ("runtime/org.gnome.Platform/x86_64/45", "org.gnome.Platform._45"),
        ("runtime/org.kde.Platform/x86_64/5.15-23.08", "org.kde.Platform._5_15_23_08"),
        ("runtime/org.acme.Platform/x86_64/stable", "org.acme.Platform.stable"),
    ],
)
def test_branches_of_a_runtime_have_ids_of_their_own(ref: str, app_id: str) -> None:
    assert parse_ref(ref).id == app_id


@pytest.mark.parametrize(
    "text",
    [
        "",
        "app",
        "app/org.acme.Editor/x86_64",
        "app/org.acme.Editor/x86_64/stable/x",
        "exe/org.acme.Editor/x86_64/stable",
        "app/editor/x86_64/stable",
        "app/../x86_64/stable",
        "app/org.acme.Editor/x86-64/stable",
        "app/org.acme.Editor//stable",
        "app/org.acme.Editor/x86_64/",
        "app/org.acme.Editor/x86_64/.hidden",
        "app/org.acme.Editor/x86_64/a b",
        "app/org.acme.Editor/x86_64/stable\n",
        "runtime/org.acme/x86_64/1",
        f"app/org.acme.{'E' * (REF_LENGTH + 1 - len('app/org.acme./x86_64/1'))}/x86_64/1",
        f"runtime/org.acme.{'E' * 100}/x86_64/{'1' * 200}",
    ],
)
def test_anything_else_is_no_ref(text: str) -> None:
    with pytest.raises(BadManifest):
        parse_ref(text)


def test_the_longest_ref_is_one() -> None:
    name = "org.acme." + "E" * (REF_LENGTH - len("app/org.acme./x86_64/1"))
    assert len(str(parse_ref(f"app/{name}/x86_64/1"))) == REF_LENGTH


@pytest.mark.parametrize(
    ("theirs", "oci"), [("x86_64", "amd64"), ("aarch64", "arm64"), ("i386", "386"), ("riscv64",) * 2]
)
def test_architectures_have_two_names(theirs: str, oci: str) -> None:
    assert parse_ref(f"app/org.acme.Editor/{theirs}/1").architecture == oci
    assert flatpak_arch(oci) == theirs
