# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a policy refuses, and that each file counts by itself."""

from pathlib import Path

import pytest

from appctld.config.policy.files import read_policy
from appctld.config.policy.rules import Policy
from appctld.config.remote import Remote, make_remote
from appctld.errors import PolicyDenied
from appctld.model.automatic import Extent
from appctld.model.permissions import Permission

NETWORK = Permission("shared", "network", "leaves the sandbox")
IPC = Permission("shared", "ipc", "leaves the sandbox")


def policy(*texts: str, scope: str = "system") -> Policy:
    return Policy(
        tuple(
            read_policy(Path(f"/policy.d/{n}.conf"), f"[policy]\n{text}\n".encode())
            for n, text in enumerate(texts)
        ),
        scope,
    )


def remote(url: str, **settings: str) -> Remote:
    return make_remote(
        "acme", {"url": url, **settings}, keyring=None, ca=None, origin=Path("/x"), writable=True
    )


def refuses(rules: Policy, one: Remote, file: str = "/policy.d/0.conf") -> bool:
    try:
        rules.check_remote(one)
    except PolicyDenied as caught:
        error = caught
    else:
        return False
    assert (error.data["path"], error.advice) == (file, "ask the administrator of this machine")
    assert error.message.startswith(f"{file}: ")
    return True


ALLOWED = [
    ("quay.io/acme", "quay.io/acme"),
    ("quay.io/acme", "https://quay.io/acme/apps"),
    ("quay.io", "docker://quay.io/acme"),
    ("other.example quay.io/acme", "quay.io/acme"),
    ("oci:/srv/images", "oci:/srv/images"),
    ("oci:/srv", "oci:/srv/images"),
    ("ostree+https://ostree.corp/repo", "ostree+https://ostree.corp/repo"),
    ("ostree+https://ostree.corp", "ostree+https://ostree.corp/repo"),
    ("ostree:/srv", "ostree:/srv/repo"),
]
NOT_ALLOWED = [
    ("quay.io/acme", "quay.io/acme-evil"),
    ("quay.io/acme", "quay.io"),
    ("quay.io/acme", "quay.io:5000/acme"),
    ("quay.io", "oci:/srv/images"),
    ("quay.io", "ostree+https://quay.io/acme"),
    ("oci:/srv/images", "oci:/srv/images-evil"),
    ("oci:/srv/images", "oci:/srv"),
    ("oci:/srv", "ostree:/srv/repo"),
    ("ostree+https://ostree.corp/repo", "ostree+https://ostree.corp/repository"),
    ("ostree:/srv/repo", "ostree:/srv"),
]


@pytest.mark.parametrize(("places", "url"), ALLOWED)
def test_a_remote_in_a_place_that_is_allowed(places: str, url: str) -> None:
    assert not refuses(policy(f"allow-remotes = {places}"), remote(url))


@pytest.mark.parametrize(("places", "url"), NOT_ALLOWED)
def test_a_remote_elsewhere(places: str, url: str) -> None:
    assert refuses(policy(f"allow-remotes = {places}"), remote(url))


def test_a_directory_is_where_it_is_and_not_what_it_is_called() -> None:
    there = remote("oci:/home/alice/images", prefix="quay.io/acme")
    assert refuses(policy("allow-remotes = quay.io/acme"), there)


@pytest.mark.parametrize("verify", ["none", "digest"])
def test_where_signatures_are_required_a_remote_has_some(verify: str) -> None:
    assert refuses(policy("require-signatures = yes"), remote("quay.io/acme", verify=verify))
    assert not refuses(policy("require-signatures = no"), remote("quay.io/acme", verify=verify))


@pytest.mark.parametrize("verify", ["gpg", "cosign", "gpg+cosign"])
def test_signatures_of_any_kind_do(verify: str) -> None:
    assert not refuses(policy("require-signatures = yes"), remote("quay.io/acme", verify=verify))


def test_the_user_scope_can_be_closed_and_the_systems_is_not() -> None:
    text = "user-scope = no"
    assert refuses(policy(text, scope="user"), remote("quay.io/acme"))
    assert not refuses(policy(text, scope="system"), remote("quay.io/acme"))
    assert not refuses(policy("user-scope = yes", scope="user"), remote("quay.io/acme"))


def test_what_no_app_may_have() -> None:
    rules = policy("deny-permissions = shared=network")
    rules.check_app("org.acme.X", [IPC], 1 << 40)
    with pytest.raises(PolicyDenied, match=r"org\.acme\.X asks for shared=network") as caught:
        rules.check_app("org.acme.X", [IPC, NETWORK], 0)
    assert caught.value.data["permissions"] == ["shared=network"]
    assert (caught.value.data["app"], caught.value.data["path"]) == ("org.acme.X", "/policy.d/0.conf")


def test_how_large_an_app_may_be() -> None:
    rules = policy("max-size = 1K")
    rules.check_app("org.acme.X", [NETWORK], 1024)
    with pytest.raises(PolicyDenied, match="1025 bytes") as caught:
        rules.check_app("org.acme.X", [], 1025)
    assert caught.value.data["path"] == "/policy.d/0.conf"


@pytest.mark.parametrize(
    "texts", [("user-scope = yes", "user-scope = no"), ("user-scope = no", "user-scope = yes")]
)
def test_no_file_lifts_what_another_says(texts: tuple[str, str]) -> None:
    said = f"/policy.d/{texts.index('user-scope = no')}.conf"
    assert refuses(policy(*texts, scope="user"), remote("quay.io/acme"), said)


def test_a_place_must_be_allowed_by_each_file_that_names_some() -> None:
    both = policy("allow-remotes = quay.io", "allow-remotes = quay.io/acme registry.corp")
    assert not refuses(both, remote("quay.io/acme"))
    assert refuses(both, remote("quay.io/other"), "/policy.d/1.conf")
    assert refuses(both, remote("registry.corp/x"), "/policy.d/0.conf")


def test_of_several_words_on_automatic_updates_the_least_counts_and_nobody_else_decides() -> None:
    rules = policy("user-scope = yes", "automatic-updates = download", "automatic-updates = check")
    assert rules.automatic() is Extent.CHECK
    with pytest.raises(PolicyDenied, match="automatic-updates = download") as caught:
        rules.check_automatic()
    assert caught.value.data["path"] == "/policy.d/1.conf"


def test_where_no_file_has_a_word_on_automatic_updates_others_decide() -> None:
    rules = policy("user-scope = yes")
    rules.check_automatic()
    assert rules.automatic() is None


def test_without_files_everything_is_allowed() -> None:
    Policy((), "user").check_remote(remote("quay.io/acme", verify="none"))
    Policy((), "user").check_app("org.acme.X", [NETWORK], 1 << 50)
