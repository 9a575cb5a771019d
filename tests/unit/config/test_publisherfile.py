# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A publisher's file, and what it might try to be instead."""

import base64

import pytest

from appctld.config.publisherfile import FILE_BYTES, TEXT_LENGTH, parse_publisher_file
from appctld.errors import AppctlError, InvalidReference, LimitExceeded

KEY = base64.b64encode(b"\x99key").decode()
WHOLE = {
    "Version": "1",
    "Name": "acme",
    "Title": "Acme",
    "Url": "oci+https://quay.io/acme",
    "Lookaside": "https://sigs.acme.example/lookaside",
    "GPGKey": KEY,
    "Ids": "org.acme.*",
    "Catalog": "list",
    "Homepage": "https://acme.example/",
    "Icon": "https://acme.example/icon.png",
}


def written(**changes: str | None) -> bytes:
    """The whole file with other values; None takes a key away."""
    values = {key: value for key, value in (WHOLE | changes).items() if value is not None}
    return "\n".join(["[Appctl Remote]", *(f"{key}={value}" for key, value in values.items()), ""]).encode()


def test_a_file_says_where_a_publisher_is_and_which_keys_must_sign() -> None:
    found = parse_publisher_file(written())
    assert dict(found.remote.settings) == {
        "url": "oci+https://quay.io/acme",
        "title": "Acme",
        "lookaside": "https://sigs.acme.example/lookaside",
        "ids": "org.acme.*",
        "catalog": "list",
        "verify": "gpg",
    }
    assert (found.remote.name, found.remote.keyring) == ("acme", b"\x99key")
    assert (found.remote.catalog, found.homepage, found.icon) == (
        "list:latest",
        "https://acme.example/",
        "https://acme.example/icon.png",
    )
    assert (found.ref, found.reference("acme")) == ("", "")


@pytest.mark.parametrize(
    ("changes", "verify"),
    [
        ({}, "gpg"),
        ({"GPGKey": None, "CosignKey": KEY}, "cosign"),
        ({"CosignKey": KEY}, "gpg+cosign"),
    ],
)
def test_every_kind_of_key_that_is_given_must_have_signed(
    changes: dict[str, str | None], verify: str
) -> None:
    assert parse_publisher_file(written(**changes)).remote.verify == verify


@pytest.mark.parametrize(
    "url",
    [
        "https://quay.io/acme",
        "docker://quay.io/acme",
        "oci+https://quay.io/acme",
        "https://localhost/acme",
        "https://127.0.0.1:5000/acme",
    ],
)
def test_a_place_is_reached_by_https(url: str) -> None:
    assert parse_publisher_file(written(Url=url, Lookaside=None)).remote.url == url


def test_so_is_an_ostree_repository_which_has_no_catalogue() -> None:
    url = "ostree+https://a.example/r"
    assert parse_publisher_file(written(Url=url, Lookaside=None, Catalog=None)).remote.url == url
    with pytest.raises(InvalidReference, match="catalog"):
        parse_publisher_file(written(Url=url, Lookaside=None))


@pytest.mark.parametrize(
    ("said", "catalog"),
    [(None, "appctl-catalog:latest"), ("yes", "appctl-catalog:latest"), ("no", ""), ("list:2", "list:2")],
)
def test_a_catalogue_is_what_the_setting_of_that_name_would_be(said: str | None, catalog: str) -> None:
    assert parse_publisher_file(written(Catalog=said)).remote.catalog == catalog


@pytest.mark.parametrize(
    ("changes", "ref", "reference"),
    [
        ({"Ref": "quay.io/acme/editor:1"}, "quay.io/acme/editor:1", "quay.io/acme/editor:1"),
        (
            {
                "Ref": "app/org.acme.X/x86_64/stable",
                "Url": "ostree+https://a.example/r",
                "Lookaside": None,
                "Catalog": None,
            },
            "app/org.acme.X/x86_64/stable",
            "here:app/org.acme.X/x86_64/stable",
        ),
    ],
)
def test_a_ref_is_what_to_install_once_the_remote_is_here(
    changes: dict[str, str | None], ref: str, reference: str
) -> None:
    found = parse_publisher_file(written(**changes))
    assert (found.ref, found.reference("here")) == (ref, reference)


NOT_ONES: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "one group"),
    "no text": (b"\xff\xfe", "no key file"),
    "another program's": (written().replace(b"Appctl Remote", b"Flatpak Repo"), "one group"),
    "two groups": (written() + b"[More]\na=b\n", "one group"),
    "a key twice": (written() + b"Name=other\n", "no key file"),
    "a key of later": (written(Insecure="yes"), "'Insecure' is no key of Version 1"),
    "verify": (written(Verify="none"), "'Verify' is no key"),
    "no version": (written(Version=None), "Version is not 1"),
    "a later version": (written(Version="2"), "Version is not 1"),
    "no name": (written(Name=None), "'Name' is missing"),
    "a path for a name": (written(Name="../x"), "no name of a remote"),
    "a host for a name": (written(Name="localhost"), "no name of a remote"),
    "no url": (written(Url=None), "'Url' is missing"),
    "plain http": (written(Url="oci+http://quay.io/acme"), "Url: it begins with"),
    "plain http here": (written(Url="oci+http://127.0.0.1:5000/acme"), "Url: it begins with"),
    "plain ostree": (written(Url="ostree+http://a.example/r"), "Url: it begins with"),
    "a directory": (written(Url="oci:/srv/images"), "Url: it begins with"),
    "an ostree directory": (written(Url="ostree:/srv/repo"), "Url: it begins with"),
    "a login in the url": (written(Url="https://me:secret@quay.io/acme"), "no registry"),
    "plain lookaside": (written(Lookaside="http://127.0.0.1/sigs"), "Lookaside: 'http"),
    "plain homepage": (written(Homepage="http://127.0.0.1/"), "Homepage: 'http"),
    "an icon of this machine": (written(Icon="file:///etc/passwd"), "Icon: 'file"),
    "no key at all": (written(GPGKey=None), "holds no key"),
    "a catalogue elsewhere": (written(Catalog="https://quay.io/acme/list"), "catalog"),
    "a catalogue by digest": (written(Catalog=f"list@sha256:{'0' * 64}"), "not by its digest"),
    "an empty key": (written(GPGKey=""), "'GPGKey' is not one line"),
    "garbage for a key": (written(GPGKey="not base64!"), "GPGKey is no base64"),
    "half a key": (written(GPGKey=KEY[:-3]), "GPGKey is no base64"),
    "garbage for a cosign key": (written(CosignKey="-----BEGIN"), "CosignKey is no base64"),
    "a key in Cyrillic": (written(GPGKey="АБВГ"), "GPGKey is no base64"),
    "a title with colours": (written(Title="\x1b[31mAcme"), "'Title' is not one line"),
    "a title that turns around": (written(Title="\u202eemcA"), "'Title' is not one line"),
    "a title without end": (written(Title="x" * (TEXT_LENGTH + 1)), "'Title' is not one line"),
    "a long title": (written(Title="x" * 300), "title has more than"),
    "ids": (written(Ids="../*"), "ids: it holds"),
    "cosign for a repository": (
        written(Url="ostree+https://a.example/r", Lookaside=None, Catalog=None, CosignKey=KEY),
        "cosign keys mean nothing",
    ),
    "a lookaside for a repository": (
        written(Url="ostree+https://a.example/r", Catalog=None),
        "means nothing",
    ),
    "a ref elsewhere": (written(Ref="quay.io/other/editor:1"), "does not lie below quay.io/acme"),
    "a ref that looks alike": (written(Ref="quay.io/acme-evil/editor:1"), "does not lie below"),
    "a ref of another host": (written(Ref="evil.example/acme/editor:1"), "does not lie below"),
    "a ref that is an option": (written(Ref="--system"), "--system"),
    "a ref of another repository": (
        written(Url="ostree+https://a.example/r", Lookaside=None, Catalog=None, Ref="other:app/x"),
        "no ref of an OSTree repository",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("data", "why"), NOT_ONES.values(), ids=NOT_ONES.keys())
def test_what_is_no_such_file_is_refused_and_said(data: bytes, why: str) -> None:
    with pytest.raises(InvalidReference) as raised:
        parse_publisher_file(data)
    assert why in str(raised.value)
    assert "publisher" in str(raised.value)


def test_a_file_is_bounded() -> None:
    padding = b"#" * (FILE_BYTES - len(written()) - 1) + b"\n"
    assert parse_publisher_file(padding + written()).remote.name == "acme"
    with pytest.raises(LimitExceeded):
        parse_publisher_file(b"#" + padding + written())


@pytest.mark.parametrize("value", ["\0", "a\x7fb", "\u200b", "\ud7ff\u2028x"])
@pytest.mark.parametrize("key", sorted(WHOLE))
def test_no_value_holds_what_cannot_be_seen(key: str, value: str) -> None:
    with pytest.raises(AppctlError):
        parse_publisher_file(written(**{key: WHOLE[key] + value}))
