# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Jobs about refs of OSTree remotes: everything that a job does with images, it does with commits."""

from pathlib import Path

import pytest

from appctld.errors import InvalidReference, NeedsApproval, NoRemote, PolicyDenied, Rollback
from appctld.jobs.reporting.views import tag_of
from appctld.jobs.requests import CheckUpdates, Install, Resolve, Uninstall, Update
from appctld.jobs.requests import Rollback as GoBack
from appctld.model.jsonvalue import get_object, get_objects
from appctld.state.records import installed_app
from support.worlds.approving import accepting
from support.worlds.world import Yard

APP = "local.trees.app.hello"
REF = "trees:app/hello"
HELLO = {"usr/bin/hello": "#!/bin/sh\necho hello\n"}
METADATA = f"[Application]\nname={APP}\ncommand=hello\n"
ASKING = f"{METADATA}[Context]\nshared=network;\n"


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Yard:
    """Version 1.0 is installed from the ref."""
    yard = Yard(tmp_path_factory.mktemp("first"))
    publish(yard, "1.0")
    (app,) = yard.apps(Install((REF,)))
    assert (app["changed"], app["version"], app["reference"], app["tag"]) == (True, "1.0", REF, "app/hello")
    return yard


@pytest.fixture
def yard(first: Yard, tmp_path: Path) -> Yard:
    return first.copied_to(tmp_path)


def publish(yard: Yard, version: str, metadata: str = METADATA) -> str:
    files = {**HELLO, "usr/version": version, "app/metadata": metadata}
    label = (f"--add-metadata-string=version={version}", f"--add-metadata-string=xa.metadata={metadata}")
    return yard.trees.commit("app/hello", files, *label)


def refs(yard: Yard) -> list[str]:
    heads = yard.paths.repo / "refs/heads"
    return sorted(str(path.relative_to(heads)) for path in heads.rglob("*") if path.is_file())


def test_the_same_commit_again_changes_nothing(yard: Yard) -> None:
    (app,) = yard.apps(Install((REF,)))
    assert app["changed"] is False


def test_a_preview_says_what_it_cannot_know(yard: Yard) -> None:
    name = publish(yard, "2.0")
    preview = get_object(yard.do(Resolve(REF)), "preview")
    assert (preview["change"], preview["installed"], preview["version"]) == ("update", "1.0", "2.0")
    assert (preview["reference"], preview["image-digest"]) == (REF, f"sha256:{name}")
    assert (preview["size-unknown"], preview["download-size"], preview["layers-total"]) == (True, 0, 0)


def test_an_update_is_what_the_ref_leads_to_now(yard: Yard) -> None:
    assert yard.apps(Update((APP,)))[0]["changed"] is False
    name = publish(yard, "2.0")
    (found,) = get_objects(yard.do(CheckUpdates()), "updates")
    assert (found["update-version"], found["image-digest"]) == ("2.0", f"sha256:{name}")
    (app,) = yard.apps(Update((APP,)))
    assert (app["changed"], app["version"], app["previous-version"]) == (True, "2.0", "1.0")


def test_one_goes_back_to_what_is_kept(yard: Yard) -> None:
    publish(yard, "2.0")
    yard.do(Update((APP,)))
    yard.do(GoBack(APP))
    assert installed_app(yard.paths, APP).current.version == "1.0"
    assert yard.apps(Update((APP,), {"background": True}))[0]["changed"] is False
    assert yard.apps(Update((APP,)))[0]["version"] == "2.0"


def test_an_older_commit_is_not_an_update(yard: Yard) -> None:
    old = yard.trees.refs["app/hello"]
    publish(yard, "2.0")
    yard.do(Update((APP,)))
    yard.trees.refs["app/hello"] = old
    with pytest.raises(Rollback):
        yard.do(Update((APP,)))
    (app,) = yard.apps(Install((REF,), {"allow-downgrade": True}))
    assert (app["changed"], app["version"]) == (True, "1.0")


def test_new_permissions_are_asked_about(yard: Yard) -> None:
    publish(yard, "2.0", ASKING)
    with pytest.raises(NeedsApproval):
        yard.do(Update((APP,)))
    assert installed_app(yard.paths, APP).current.version == "1.0"
    (app,) = yard.apps(Update((APP,), accepting("shared=network")))
    assert app["version"] == "2.0"


def test_uninstalled_nothing_is_left(yard: Yard) -> None:
    yard.do(Uninstall((APP,)))
    assert refs(yard) == []
    assert list((yard.paths.repo / "objects").glob("*/*")) == []


def test_prune_keeps_no_commits_ref_that_nobody_needs(yard: Yard) -> None:
    publish(yard, "2.0")
    yard.do(Update((APP,)))
    publish(yard, "3.0")
    yard.do(Update((APP,)))
    assert [ref.split("/")[1] for ref in refs(yard)] == ["app", "app"]


def test_a_remote_that_is_switched_off_refuses(yard: Yard) -> None:
    yard.run(lambda yard: yard.book.modify("trees", {"enabled": "no"}))
    with pytest.raises(PolicyDenied):
        yard.do(Update((APP,)))


@pytest.mark.parametrize(
    ("text", "error"),
    [("nobody:app", NoRemote), ("trees/app", InvalidReference), ("acme:x", InvalidReference)],
)
def test_what_is_no_ref_of_a_remote(yard: Yard, text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        yard.do(Install((text,)))


@pytest.mark.parametrize(
    ("reference", "tag"),
    [("trees:stable", "stable"), (REF, "app/hello"), ("h:1/x:2", "2"), ("h/x@sha256:0", "")],
)
def test_what_is_shown_as_the_tag(reference: str, tag: str) -> None:
    assert tag_of(reference) == tag
