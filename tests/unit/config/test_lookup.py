# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Which remote answers for a reference, and what a remote's name in front of one means."""

from pathlib import Path

import pytest

from appctld.config.lookup import Remotes, check_reference
from appctld.config.remote import Remote, make_remote
from appctld.errors import Conflict, InvalidReference, NoRemote, PolicyDenied
from appctld.model.ostreeref import OstreeRef
from appctld.model.reference import parse_reference


def remote(name: str, url: str, **settings: str) -> Remote:
    return make_remote(
        name, {"url": url, **settings}, keyring=None, ca=None, origin=Path(f"/x/{name}.conf"), writable=True
    )


REMOTES = Remotes(
    [
        remote("quay", "quay.io"),
        remote("acme", "quay.io/acme"),
        remote("lab", "docker://quay.io/acme/lab"),
        remote("off", "quay.io/off", enabled="no"),
        remote("here", "oci+http://127.0.0.1:5000/demo"),
        remote("corp", "registry.corp"),
        remote("trees", "ostree+https://dl.trees.example/repo"),
        remote("cut", "ostree+https://dl.trees.example/cut", enabled="no"),
    ]
)


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("quay.io/acme/editor:1", "acme"),
        ("quay.io/acme/lab/tool:1", "lab"),
        ("quay.io/acme/lab:1", "lab"),
        ("quay.io/acme/laboratory:1", "acme"),
        ("quay.io/acme-evil/editor:1", "quay"),
        ("quay.io/other/x:1", "quay"),
        ("127.0.0.1:5000/demo/x:1", "here"),
    ],
)
def test_the_longest_prefix_of_whole_components_wins(reference: str, name: str) -> None:
    assert REMOTES.covering(parse_reference(reference)).name == name


@pytest.mark.parametrize(
    "reference", ["docker.io/acme/editor:1", "127.0.0.1:5001/demo/x:1", "127.0.0.1:5000/x:1"]
)
def test_without_a_remote_there_is_no_guessing(reference: str) -> None:
    with pytest.raises(NoRemote, match=f"no remote covers {reference}"):
        REMOTES.covering(parse_reference(reference))


def test_a_disabled_remote_refuses_and_lets_no_wider_one_step_in() -> None:
    with pytest.raises(PolicyDenied, match=r"/x/off\.conf"):
        REMOTES.covering(parse_reference("quay.io/off/app:1"))


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("acme/editor:1", "quay.io/acme/editor:1"),
        ("acme/editor", "quay.io/acme/editor:latest"),
        ("acme/editor@sha256:" + "a" * 64, "quay.io/acme/editor@sha256:" + "a" * 64),
        ("corp/team/app:1", "registry.corp/team/app:1"),
        ("here/x:1", "127.0.0.1:5000/demo/x:1"),
        ("quay.io/acme/editor:1", "quay.io/acme/editor:1"),
        ("off/app:1", "quay.io/off/app:1"),
    ],
)
def test_a_remotes_name_stands_for_its_prefix(text: str, reference: str) -> None:
    assert str(REMOTES.expand(text)) == reference


@pytest.mark.parametrize("text", ["nobody/editor:1", "a/b"])
def test_a_name_that_is_none_of_ours(text: str) -> None:
    with pytest.raises(NoRemote, match="there is no remote"):
        REMOTES.expand(text)


@pytest.mark.parametrize(
    "text",
    ["", "acme", "acme/", "/editor", "acme/Editor", "acme/../x", "Acme/editor:1", "acme//x", "acme/x y"],
)
def test_what_is_no_reference(text: str) -> None:
    with pytest.raises(InvalidReference):
        REMOTES.expand(text)


@pytest.mark.parametrize("url", ["quay.io/acme", "oci+https://quay.io/acme/", "docker://quay.io/acme"])
@pytest.mark.parametrize("enabled", ["yes", "no"])
def test_no_two_remotes_have_one_prefix(url: str, enabled: str) -> None:
    with pytest.raises(Conflict, match=r"acme and other both are quay\.io/acme"):
        Remotes([remote("acme", "https://quay.io/acme"), remote("other", url, enabled=enabled)])


def test_as_a_collection() -> None:
    assert [found.name for found in REMOTES] == ["acme", "corp", "cut", "here", "lab", "off", "quay", "trees"]
    assert "acme" in REMOTES
    assert "nobody" not in REMOTES
    assert REMOTES.get("acme").url == "quay.io/acme"
    with pytest.raises(NoRemote):
        REMOTES.get("nobody")


def test_a_ref_of_an_ostree_remote() -> None:
    reference = REMOTES.expand("trees:app/editor")
    assert reference == OstreeRef("trees", "app/editor")
    assert REMOTES.covering(reference).name == "trees"
    check_reference("trees:app/editor")


def test_an_ostree_remote_covers_nothing_that_a_registry_has() -> None:
    with pytest.raises(NoRemote):
        REMOTES.covering(parse_reference("dl.trees.example/repo:1"))


def test_a_registry_has_no_refs() -> None:
    with pytest.raises(NoRemote, match="acme is no OSTree repository"):
        REMOTES.covering(OstreeRef("acme", "stable"))


def test_a_disabled_ostree_remote_refuses() -> None:
    with pytest.raises(PolicyDenied, match=r"/x/cut\.conf"):
        REMOTES.covering(OstreeRef("cut", "stable"))


@pytest.mark.parametrize("text", ["nobody:stable", "nobody:a/b"])
def test_a_ref_of_no_remote(text: str) -> None:
    with pytest.raises(NoRemote, match="there is no remote 'nobody'"):
        REMOTES.expand(text)


def test_a_port_is_a_port_where_no_ostree_remote_has_that_name() -> None:
    assert str(REMOTES.expand("quay:5000/x")) == "quay:5000/x:latest"


@pytest.mark.parametrize("text", ["trees/editor", "acme:stable", "trees:../x", "trees:"])
def test_the_one_kind_is_not_written_as_the_other(text: str) -> None:
    with pytest.raises(InvalidReference):
        REMOTES.expand(text)


def test_no_two_remotes_are_one_repository() -> None:
    with pytest.raises(Conflict, match=r"both are ostree\+https://dl\.trees\.example/repo"):
        Remotes([*REMOTES, remote("again", "ostree+https://dl.trees.example/repo/")])
