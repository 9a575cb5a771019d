# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Reading policy.d: keys and values; whatever is wrong forbids everything, and is named by file and line."""

import os
from pathlib import Path

import pytest

from appctld.config.policy import files
from appctld.config.policy.files import FILE_BYTES, FILES, load_policy, read_policy
from appctld.config.policy.rules import Policy, PolicyFile
from appctld.config.repository import Repository
from appctld.config.urls import Prefix
from appctld.errors import PolicyDenied
from appctld.model.automatic import Extent
from appctld.model.denial import Denial

PATH = Path("/etc/appctl/policy.d/10-site.conf")
WHOLE = (
    b"""# what this site allows
[policy]
allow-remotes = quay.io/acme, https://registry.corp:5000 oci:/srv/images
    """.rstrip()
    + b""" ostree+https://ostree.corp/repo ostree:/srv/repo
require-signatures = yes
deny-permissions = filesystems=home devices=*
user-scope = no
max-size = 2G
automatic-updates = download
"""
)
WRONG = [
    (b"", 0, "one section"),
    (b"allow-remotes = quay.io\n", 1, "no INI file"),
    (b"[remote]\nurl = quay.io\n", 0, "one section"),
    (b"[policy]\nuser-scope = no\n[other]\n", 0, "one section"),
    (b"[policy]\nuser-scope = no\n[policy]\n", 3, "no INI file"),
    (b"[policy]\nuser-scope = no\n\nuser-scope = yes\n", 4, "no INI file"),
    (b"[policy]\nuser-scope\n", 2, "no INI file"),
    (b"[policy]\nuser-scope = no\xff\n", 0, "no INI file"),
    (b"[policy]\n# a comment\nfuture = yes\n", 3, "'future' is no key"),
    (b"[policy]\nUser-Scope = no\n", 2, "'User-Scope' is no key"),
    (b"[policy]\nuser-scope =\n", 2, "not one line"),
    (b"[policy]\nuser-scope = no\n  yes\n", 2, "not one line"),
    (b"[policy]\nuser-scope = false\n", 2, "one of yes, no"),
    (b"[policy]\nrequire-signatures = gpg\n", 2, "one of yes, no"),
    (b"[policy]\nallow-remotes = acme\n", 2, "acme"),
    (b"[policy]\nallow-remotes = ,\n", 2, "nothing is named"),
    (b"[policy]\nallow-remotes = quay.io/acme ftp://quay.io\n", 2, "ftp"),
    (b"[policy]\nallow-remotes = oci:images\n", 2, "oci:images"),
    (b"[policy]\ndeny-permissions = ,\n", 2, "nothing is named"),
    (b"[policy]\ndeny-permissions = shared=net\n", 2, "shared=net"),
    (b"[policy]\nmax-size = 2\n", 2, "a size with a unit"),
    (b"[policy]\nmax-size = 0G\n", 2, "a size with a unit"),
    (b"[policy]\nmax-size = 2GB\n", 2, "a size with a unit"),
    (b"[policy]\nmax-size = 1.5G\n", 2, "a size with a unit"),
    (b"[policy]\nautomatic-updates = yes\n", 2, "one of none, check, download, install"),
]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "policy.d").mkdir()
    return tmp_path / "policy.d"


def test_every_key_of_a_file() -> None:
    found = read_policy(PATH, WHOLE)
    assert found == PolicyFile(
        PATH,
        places=(
            Prefix("quay.io", "acme"),
            Prefix("registry.corp:5000", ""),
            Path("/srv/images"),
            Repository("https://ostree.corp/repo"),
            Repository("file:///srv/repo"),
        ),
        signatures=True,
        denials=(Denial("filesystems", "home"), Denial("devices", "*")),
        user_scope=False,
        max_size=2 << 30,
        automatic=Extent.DOWNLOAD,
    )


def test_a_file_without_a_key_forbids_nothing() -> None:
    assert read_policy(PATH, b"[policy]\n") == PolicyFile(PATH)


@pytest.mark.parametrize(("text", "size"), [("1K", 1 << 10), ("300M", 300 << 20), ("999999T", 999999 << 40)])
def test_a_size_has_a_unit_of_1024(text: str, size: int) -> None:
    assert read_policy(PATH, f"[policy]\nmax-size = {text}\n".encode()).max_size == size


@pytest.mark.parametrize(("data", "line", "says"), WRONG, ids=[says for _, _, says in WRONG])
def test_what_is_wrong_is_named_by_file_and_line(data: bytes, line: int, says: str) -> None:
    with pytest.raises(PolicyDenied) as caught:
        read_policy(PATH, data)
    where = f"{PATH}:{line}: " if line else f"{PATH}: "
    assert caught.value.message.startswith(where)
    assert says in caught.value.message
    assert caught.value.data == {"path": str(PATH), "line": line}
    assert caught.value.advice


def test_no_directory_and_an_empty_one_are_no_policy(tmp_path: Path, directory: Path) -> None:
    (directory / "README").write_text("no policy")
    (directory / ".10-site.conf.swp").write_text("no policy")
    assert load_policy(tmp_path / "nowhere", "system") == load_policy(directory, "system")
    assert load_policy(directory, "system") == Policy((), "system")


def test_all_files_count_in_the_order_of_their_names(directory: Path) -> None:
    (directory / "20-b.conf").write_text("[policy]\nmax-size = 2G\n")
    (directory / "10-a.conf").write_text("[policy]\nmax-size = 1G\n")
    found = load_policy(directory, "user")
    assert [(file.path.name, file.max_size) for file in found.files] == [
        ("10-a.conf", 1 << 30),
        ("20-b.conf", 2 << 30),
    ]
    assert found.scope == "user"


def test_a_file_that_cannot_be_read_forbids_everything(directory: Path) -> None:
    (directory / "10-site.conf").write_text("[policy]\n")
    (directory / "10-site.conf").chmod(0)
    with pytest.raises(PolicyDenied, match=r"10-site\.conf: Permission denied"):
        load_policy(directory, "system")


def test_a_directory_that_cannot_be_read_forbids_everything(directory: Path) -> None:
    directory.chmod(0)
    try:
        with pytest.raises(PolicyDenied, match=r"policy\.d: Permission denied"):
            load_policy(directory, "system")
    finally:
        directory.chmod(0o755)


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir], ids=["a FIFO", "a directory"])
def test_what_is_no_file_forbids_everything(directory: Path, make: object) -> None:
    make(directory / "10-site.conf")  # type: ignore[operator]
    with pytest.raises(PolicyDenied, match=r"10-site\.conf"):
        load_policy(directory, "system")


def test_a_link_that_leads_nowhere_forbids_everything(directory: Path) -> None:
    (directory / "10-site.conf").symlink_to("gone")
    with pytest.raises(PolicyDenied, match=r"10-site\.conf"):
        load_policy(directory, "system")


def test_a_directory_that_is_a_link_which_leads_nowhere_forbids_everything(tmp_path: Path) -> None:
    (tmp_path / "policy.d").symlink_to("not-mounted")
    with pytest.raises(PolicyDenied, match=r"policy\.d leads nowhere"):
        load_policy(tmp_path / "policy.d", "system")


def test_a_file_has_a_size(directory: Path) -> None:
    text = b"[policy]\n#"
    (directory / "10-site.conf").write_bytes(text + b"x" * (FILE_BYTES - len(text)))
    assert load_policy(directory, "system").files
    (directory / "10-site.conf").write_bytes(text + b"x" * (FILE_BYTES - len(text) + 1))
    with pytest.raises(PolicyDenied, match=f"more than {FILE_BYTES} bytes"):
        load_policy(directory, "system")


def test_files_have_a_number(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "FILES", 2)
    assert FILES > 2
    for number in range(2):
        (directory / f"{number}.conf").write_text("[policy]\n")
    assert len(load_policy(directory, "system").files) == 2
    (directory / "2.conf").write_text("[policy]\n")
    with pytest.raises(PolicyDenied, match="more than 2 files"):
        load_policy(directory, "system")
