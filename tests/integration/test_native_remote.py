# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Native OSTree remotes on a machine whose every part is real, sandboxes included: the same promises."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.images.greeter import minimal_root
from support.machines.machine import Machine
from support.publishers.grove import Grove
from support.signatures.keys import Keys

FIXTURES = Path(__file__).parents[1] / "fixtures"
APP = "org.acme.Greeter"
REF = "app/greeter"
GREET = '#!/bin/sh\nread -r version < /usr/share/version\necho "This is $version."\n'
METADATA = f"[Application]\nname={APP}\ncommand=greet\n"
ASKING = f"{METADATA}[Context]\nshared=network;\n"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shell with its libraries."""
    return minimal_root(tmp_path_factory.mktemp("root"), ("/bin/sh",))


@pytest.fixture
def grove(keys: Keys) -> Iterator[Grove]:
    with Grove(keys) as running:
        yield running


@pytest.fixture
def machine(lent: Machine) -> Iterator[Machine]:
    yield lent
    assert list((lent.state / "quarantine").iterdir()) == []


def publish(grove: Grove, root: Path, version: str, key: str, metadata: str = METADATA, *options: str) -> str:
    """A version of the app as a commit that says what it is."""
    tree = grove.directory / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(root, tree, symlinks=True)
    for path, text in (
        ("usr/bin/greet", GREET),
        ("usr/share/version", f"{version}\n"),
        ("app/metadata", metadata),
    ):
        file = tree / path
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    (tree / "usr/bin/greet").chmod(0o755)
    label = (f"--add-metadata-string=version={version}", f"--add-metadata-string=xa.metadata={metadata}")
    return grove.commit_directory(REF, tree, key, *label, *options)


def trust(machine: Machine, grove: Grove, key: str, *more: str, url: str = "", name: str = "acme") -> None:
    machine.add_remote(name, url or grove.url, grove.key_file(key), "", *more)


def nothing_is_installed(machine: Machine) -> None:
    assert machine.appctl("list", "--json").json == []
    assert machine.refs() == set()


@pytest.mark.parametrize("local", [False, True], ids=["http", "directory"])
def test_install_update_rollback_uninstall(
    machine: Machine,
    grove: Grove,
    root: Path,
    acme: str,
    local: bool,  # noqa: FBT001
) -> None:
    first = publish(grove, root, "1.0", acme)
    trust(machine, grove, acme, url=grove.local if local else grove.url)
    shown = machine.appctl("install", "-y", f"acme:{REF}").out
    assert f"acme:{REF}  commit {first[:12]}" in shown
    assert "known after the download" in shown
    info = machine.appctl("info", "greeter", "--json").json
    assert (info["id"], info["version"], info["commit"]) == (APP, "1.0", first)
    assert (info["image_digest"], info["reference"]) == (f"sha256:{first}", f"acme:{REF}")
    assert (info["signer"], info["verify"], info["layers"]) == (acme, "gpg", [])
    assert info["bytes_downloaded"] > 0
    assert "This is 1.0." in machine.run_app("greeter").out
    assert machine.appctl("verify", "--json").json["problems"] == []
    again = machine.appctl("install", "-y", "--json", f"acme:{REF}").json["apps"][0]
    assert again["changed"] is False
    assert machine.appctl("update", "--check", code=2).out.strip() == ""

    second = publish(grove, root, "2.0", acme)
    assert "1.0 -> 2.0" in machine.appctl("update", "--check").out
    updated = machine.appctl("update", "-y", "--json").json["apps"][0]
    assert (updated["version"], updated["commit"], updated["changed"]) == ("2.0", second, True)
    assert 0 < updated["bytes_downloaded"] < info["bytes_downloaded"] / 10
    assert "This is 2.0." in machine.run_app("greeter").out

    machine.appctl("rollback", "-y", f"acme:{REF}")
    assert "This is 1.0." in machine.run_app("greeter").out
    machine.appctl("uninstall", "-y", "greeter")
    assert machine.objects() == set()
    assert machine.refs() == set()
    machine.appctl("remote", "remove", "acme", "-y")
    machine.appctl("install", "-y", f"acme:{REF}", code=3)


def test_a_static_delta_is_used_where_there_is_one(
    machine: Machine, grove: Grove, root: Path, acme: str
) -> None:
    name = publish(grove, root, "1.0", acme)
    grove.ostree("static-delta", "generate", "--empty", f"--to={name}")
    grove.publish()
    trust(machine, grove, acme)
    machine.appctl("install", "-y", f"acme:{REF}")
    assert any("/deltas/" in path and path.endswith("/0") for path in grove.requests)
    assert "This is 1.0." in machine.run_app("greeter").out


def test_what_a_remote_is_can_be_seen(machine: Machine, grove: Grove, acme: str) -> None:
    key = grove.directory / "ed.pub"
    key.write_text("A" * 43 + "=\n")
    more = ("--ed25519-key", str(key), "--verify", "gpg+ed25519", "--collection", "org.acme.Apps")
    trust(machine, grove, acme, *more)
    shown = machine.appctl("remote", "show", "acme").out
    for text in (f"Repository:   {grove.url}", "gpg+ed25519", acme, "0" * 64, "org.acme.Apps"):
        assert text in shown
    assert "share" not in shown.lower()


@pytest.mark.parametrize("option", ["--lookaside", "--auth-realm"])
def test_what_is_about_registries_is_refused_with_words(
    machine: Machine, grove: Grove, acme: str, option: str
) -> None:
    file = grove.key_file(acme)
    words = ("remote", "add", "acme", grove.url, "--gpg-import", str(file), option, "https://x.example/y")
    assert "means nothing to an OSTree repository" in machine.appctl(*words, code=64).err


def test_without_a_key_there_is_no_remote(machine: Machine, grove: Grove) -> None:
    assert "needs the publisher's key" in machine.appctl("remote", "add", "acme", grove.url, code=64).err


# --- what is refused


def test_a_commit_that_nobody_signed(machine: Machine, grove: Grove, root: Path, acme: str) -> None:
    publish(grove, root, "1.0", "")
    trust(machine, grove, acme)
    assert "has no signature" in machine.appctl("install", "-y", f"acme:{REF}", code=5).err
    nothing_is_installed(machine)
    assert not any("/deltas/" in path or path.endswith(".filez") for path in grove.requests)


def test_a_commit_that_somebody_else_signed(
    machine: Machine, grove: Grove, root: Path, acme: str, stranger: str
) -> None:
    publish(grove, root, "1.0", stranger)
    trust(machine, grove, acme)
    error = machine.appctl("install", "-y", f"acme:{REF}", code=5).err
    assert f"{stranger[:4]}…{stranger[-4:]}" in error
    nothing_is_installed(machine)


def test_a_commit_for_another_ref(machine: Machine, grove: Grove, root: Path, acme: str) -> None:
    name = publish(grove, root, "1.0", acme)
    grove.ostree("refs", "--create=app/editor", name)
    grove.publish()
    trust(machine, grove, acme)
    assert (
        f"was signed for {REF}, not for app/editor"
        in machine.appctl("install", "-y", "acme:app/editor", code=5).err
    )
    nothing_is_installed(machine)


def test_a_commit_of_another_collection(machine: Machine, grove: Grove, root: Path, acme: str) -> None:
    publish(grove, root, "1.0", acme)
    trust(machine, grove, acme, "--collection", "org.acme.Apps")
    assert "not of org.acme.Apps" in machine.appctl("install", "-y", f"acme:{REF}", code=5).err
    nothing_is_installed(machine)


def test_a_signature_that_is_older_than_the_remote_allows(
    machine: Machine, grove: Grove, root: Path, acme: str
) -> None:
    key = grove.keys.make("slow", at=1_795_000_000)
    name = publish(grove, root, "1.0", "")
    blob = grove.keys.sign((grove.repo / "objects" / name[:2] / f"{name[2:]}.commit").read_bytes(), key,
                           how="--detach-sign", at=1_795_000_100)  # fmt: skip
    attach(grove, name, blob)
    trust(machine, grove, key, "--set", "max-age=1h")
    error = machine.appctl("install", "-y", f"acme:{REF}", code=5).err
    assert "longer ago than the remote allows" in error
    nothing_is_installed(machine)


def attach(grove: Grove, commit: str, signature: bytes) -> None:
    """Put an OpenPGP signature beside a commit, as libostree would."""
    from gi.repository import GLib  # noqa: PLC0415 - only here

    value = GLib.Variant("a{sv}", {"ostree.gpgsigs": GLib.Variant("aay", [signature])})
    meta = grove.repo / "objects" / commit[:2] / f"{commit[2:]}.commitmeta"
    meta.write_bytes(value.get_data_as_bytes().get_data())


def test_an_older_commit_that_was_signed_once(machine: Machine, grove: Grove, root: Path, acme: str) -> None:
    old = publish(grove, root, "1.0", acme, METADATA, "--timestamp=@1795500000")
    new = publish(grove, root, "2.0", acme, METADATA, "--timestamp=@1795500060")
    trust(machine, grove, acme)
    machine.appctl("install", "-y", f"acme:{REF}")
    grove.point(REF, old)
    assert "is older than" in machine.appctl("update", "-y", code=5).err
    machine.appctl("uninstall", "-y", "greeter")
    machine.appctl("install", "-y", f"acme:{REF}", code=5)
    grove.point(REF, new)
    machine.appctl("install", "-y", f"acme:{REF}")


def test_new_permissions_wait_for_somebody(machine: Machine, grove: Grove, root: Path, acme: str) -> None:
    publish(grove, root, "1.0", acme)
    trust(machine, grove, acme)
    machine.appctl("install", "-y", f"acme:{REF}")
    publish(grove, root, "2.0", acme, ASKING)
    machine.appctl("update", "-y", code=6)
    assert "This is 1.0." in machine.run_app("greeter").out
    machine.appctl("update", "-y", "--accept-permissions")
    assert "This is 2.0." in machine.run_app("greeter").out


def test_a_file_that_asks_and_no_label_that_showed_it(machine: Machine, grove: Grove, acme: str) -> None:
    grove.commit(REF, {"app/metadata": ASKING}, acme)
    trust(machine, grove, acme)
    machine.appctl("install", "-y", f"acme:{REF}", code=6)
    assert machine.appctl("list", "--json").json == []
    machine.appctl("prune")
    nothing_is_installed(machine)


def test_of_two_remotes_one_lies(
    machine: Machine, grove: Grove, keys: Keys, root: Path, acme: str, stranger: str
) -> None:
    """The liar has the same tree, in which all files hold the bytes of one."""
    publish(grove, root, "1.0", acme)
    with Grove(keys) as liar:
        publish(liar, root, "1.0", stranger)
        trust(machine, grove, acme)
        trust(machine, liar, stranger, name="liar")
        first, *others = sorted((liar.repo / "objects").glob("*/*.filez"))
        for file in others:
            shutil.copyfile(first, file)
        machine.appctl("install", "-y", f"liar:{REF}", code=5)
    nothing_is_installed(machine)
    machine.appctl("install", "-y", f"acme:{REF}")
    assert "This is 1.0." in machine.run_app("greeter").out


def test_an_app_stays_with_the_remote_that_brought_it(
    machine: Machine, grove: Grove, keys: Keys, root: Path, acme: str, stranger: str
) -> None:
    publish(grove, root, "1.0", acme)
    trust(machine, grove, acme)
    machine.appctl("install", "-y", f"acme:{REF}")
    with Grove(keys) as other:
        publish(other, root, "9.0", stranger)
        trust(machine, other, stranger, name="other")
        assert (
            "is installed from remote acme" in machine.appctl("install", "-y", f"other:{REF}", code=None).err
        )
    assert "This is 1.0." in machine.run_app("greeter").out


def test_a_directory_that_others_can_change(machine: Machine, grove: Grove, root: Path, acme: str) -> None:
    publish(grove, root, "1.0", acme)
    trust(machine, grove, acme, url=grove.local)
    grove.repo.chmod(0o777)
    assert "can be changed by others" in machine.appctl("install", "-y", f"acme:{REF}", code=4).err
    grove.repo.chmod(0o755)
    machine.appctl("install", "-y", f"acme:{REF}")


# --- a repository that other people's tools made


@pytest.fixture
def golden(keys: Keys) -> Iterator[Grove]:
    with Grove(keys) as grove:
        shutil.rmtree(grove.repo)
        # Python's tarfile has no filter before 3.11.4, and warns without one since 3.12
        command = ["tar", "-xf", str(FIXTURES / "repo-archive.tar"), "-C", str(grove.directory)]
        subprocess.run(command, check=True)
        (grove.directory / "repo-archive").rename(grove.repo)
        yield grove


def test_the_golden_repository_installs_with_its_publishers_key(machine: Machine, golden: Grove) -> None:
    commit = "f1295095a4cc6d06c08199cf29e2b8b932e960031ac1cabe923f6b22c85294de"
    ref = golden.ostree("refs").split()[0]
    machine.add_remote("golden", golden.url, FIXTURES / "keys/publisher.asc")
    ran = machine.appctl("install", "-y", "--json", f"golden:{ref}", code=None)
    app = json.loads(ran.out)["apps"][0]
    assert (app["commit"], app["signer"]) == (commit, "A9224799278A335FAF0F5956CEDCC28E78EBA748")


def test_the_golden_repository_is_refused_with_another_key(machine: Machine, golden: Grove) -> None:
    ref = golden.ostree("refs").split()[0]
    machine.add_remote("golden", golden.url, FIXTURES / "keys/other.asc")
    machine.appctl("install", "-y", f"golden:{ref}", code=5)
    nothing_is_installed(machine)
