# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Certificates by host, as podman and skopeo have them; proxies of a remote, and of the environment."""

import os
from pathlib import Path

import pytest

from appctld.config.network import Network
from appctld.config.remote import Remote, make_remote
from appctld.config.remotes import CA_BYTES
from appctld.errors import Failed, InvalidReference, LimitExceeded

HOST = "registry.corp:5000"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / HOST).mkdir()
    return tmp_path / HOST


def authorities(directory: Path, own: bytes | None = None, host: str = HOST) -> str | None:
    return Network(directory.parent).authorities(host, own)


def test_those_of_the_very_host_and_port_come_beside_the_remotes_own(directory: Path) -> None:
    (directory / "b.crt").write_bytes(b"second")
    (directory / "a.crt").write_bytes(b"first")
    (directory / "client.cert").write_bytes(b"no authority")
    (directory / "client.key").write_bytes(b"secret")
    assert authorities(directory) == "first\nsecond"
    assert authorities(directory, b"own") == "own\nfirst\nsecond"
    for other in ("registry.corp", "registry.corp:5001", "", "corp:5000"):
        assert authorities(directory, host=other) is None
        assert authorities(directory, b"own", other) == "own"


def test_without_a_directory_there_is_what_the_remote_has(tmp_path: Path) -> None:
    for network in (Network(), Network(tmp_path / "none")):
        assert (network.authorities(HOST), network.authorities(HOST, b"own")) == (None, "own")


def test_what_cannot_be_read_is_an_error_of_that_host_alone(directory: Path) -> None:
    os.mkfifo(directory / "a.crt")
    with pytest.raises(Failed, match=r"a\.crt"):
        authorities(directory)
    assert authorities(directory, host="quay.io") is None
    (directory / "a.crt").unlink()
    directory.chmod(0)
    try:
        with pytest.raises(Failed, match="Permission denied"):
            authorities(directory)
    finally:
        directory.chmod(0o755)


def test_all_of_them_together_have_a_size(directory: Path) -> None:
    (directory / "a.crt").write_bytes(b"x" * (CA_BYTES - 4))
    assert authorities(directory, b"four")
    with pytest.raises(LimitExceeded, match=HOST):
        authorities(directory, b"fives")


# --- proxies

ENVIRONMENT = {"https_proxy": "http://alice:secret@env:1", "no_proxy": "localhost, .corp"}


def remote(**settings: str) -> Remote:
    words = {key.replace("_", "-"): value for key, value in settings.items()}
    return make_remote(
        "acme", {"url": "quay.io/acme", **words}, keyring=None, ca=None, origin=Path("/x"), writable=True
    )


def test_without_any_word_there_is_no_proxy() -> None:
    assert Network().proxies(remote()) == {}
    assert Network(environment={"no_proxy": "x", "https_proxy": ""}).proxies(remote(no_proxy="y")) == {}


def test_the_environment_counts_where_the_remote_says_nothing() -> None:
    found = {"https": ENVIRONMENT["https_proxy"], "direct": ["localhost", ".corp"]}
    assert Network(environment=ENVIRONMENT).proxies(remote()) == found
    assert Network(environment=ENVIRONMENT).proxies() == found
    more = Network(environment=ENVIRONMENT).proxies(remote(no_proxy="quay.io 10.0.0.0/8"))
    assert more["direct"] == ["quay.io", "10.0.0.0/8", "localhost", ".corp"]


@pytest.mark.parametrize(
    ("environment", "found"),
    [
        ({"HTTPS_PROXY": "a:1", "NO_PROXY": "x"}, {"https": "a:1", "direct": ["x"]}),
        ({"https_proxy": "a:1", "HTTPS_PROXY": "b:1"}, {"https": "a:1", "direct": []}),
        ({"all_proxy": "a:1"}, {"http": "a:1", "https": "a:1", "direct": []}),
        ({"ALL_PROXY": "a:1", "http_proxy": "b:1"}, {"http": "b:1", "https": "a:1", "direct": []}),
    ],
)
def test_the_environments_words_in_either_case(environment: dict[str, str], found: dict[str, object]) -> None:
    assert Network(environment=environment).proxies() == found


def test_the_remotes_own_proxy_comes_before_the_environments() -> None:
    own = remote(proxy="http://proxy.corp:3128", no_proxy="cdn.corp")
    found = {"http": "http://proxy.corp:3128", "https": "http://proxy.corp:3128", "direct": ["cdn.corp"]}
    assert Network(environment=ENVIRONMENT).proxies(own) == found
    assert Network(environment=ENVIRONMENT).proxies(remote(proxy="none")) == {}


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("http://alice:secret@env:1", "http://env:1"),
        ("alice:se@cr/et@[::1]:3128/", "http://[::1]:3128"),
        ("proxy.corp:3128", "http://proxy.corp:3128"),
        ("socks5://proxy.corp:1080", "?"),
        ("http://proxy:1/?password=secret", "?"),
        ("http://p\x1b[31m:1", "?"),
        ("", ""),
    ],
)
def test_everybody_may_know_the_proxy_and_nobody_its_login(value: str, address: str) -> None:
    network = Network(environment={"https_proxy": value, "no_proxy": ".corp"})
    direct = [".corp"] if address else []
    assert network.route(remote()) == {"address": address, "from": "environment", "direct": direct}


def test_a_route_is_that_of_the_remotes_own_scheme_and_says_who_says_so() -> None:
    network = Network(environment=ENVIRONMENT)
    plain = remote(url="oci+http://127.0.0.1:5000/acme")
    assert network.route(plain) == {"address": "", "from": "environment", "direct": []}
    own = {"address": "http://proxy.corp:1", "from": "file", "direct": ["cdn.corp"]}
    assert network.route(remote(proxy="http://proxy.corp:1", no_proxy="cdn.corp")) == own
    assert network.route(remote(proxy="none")) == {"address": "", "from": "file", "direct": []}


@pytest.mark.parametrize("url", ["oci:/srv/images", "ostree:/srv/repo"])
def test_what_is_of_this_machine_has_no_route(url: str) -> None:
    assert Network(environment=ENVIRONMENT).route(remote(url=url)) == {}


def test_an_environment_with_a_login_has_no_repr() -> None:
    assert "secret" not in repr(Network(environment=ENVIRONMENT))


@pytest.mark.parametrize(
    "proxy",
    [
        "proxy.corp:3128", "https://proxy.corp:3128", "socks5://proxy.corp:1080", "http://a:b@proxy.corp:3128",
        "http://proxy.corp:3128/path", "http://proxy", "http://", "None", "http://proxy.corp:99999",
    ],
)  # fmt: skip
def test_what_a_remotes_proxy_may_not_be(proxy: str) -> None:
    with pytest.raises(InvalidReference, match="proxy: it is http://HOST:PORT, without a login, or none"):
        remote(proxy=proxy)


@pytest.mark.parametrize(
    "words", [",", "a;b", "alice@quay.io", "../../x", "/etc", "--user", "a/b", "h." * 200]
)
def test_what_is_no_list_of_hosts(words: str) -> None:
    with pytest.raises(InvalidReference, match="no-proxy"):
        remote(no_proxy=words)


def test_a_list_of_hosts() -> None:
    assert remote(no_proxy="*, quay.io:443 [::1] .corp").no_proxy == ("*", "quay.io:443", "[::1]", ".corp")
    for word in ("10.0.0.0/8", "fe80::1", "fd00::/8", "[fd00::1]:443", "*.corp", "host_1", "127.0.0.1:5000"):
        assert remote(no_proxy=word).no_proxy == (word,)


def test_a_directory_of_images_has_no_proxy() -> None:
    for key in ("proxy", "no-proxy"):
        with pytest.raises(InvalidReference, match="means nothing to a directory"):
            make_remote(
                "acme",
                {"url": "oci:/srv", key: "none"},
                keyring=None,
                ca=None,
                origin=Path("/x"),
                writable=True,
            )
