# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Flatpak's form, beside what `flatpak build-bundle --oci` makes of one commit; and flatpak installs it."""

import json
import os
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from appctld.errors import BadManifest
from appctld.workers.store.ostree.commit import Commit
from appctld.workers.store.ostree.repository import Repository
from support.buses.bus import private_bus
from support.layers.published_tar import Seen, entries
from support.publishers.ostree_remote import OstreeRemote
from support.workers.publishing import Layout, commit, published

APP, RUNTIME = "app/org.example.Hello/x86_64/1", "runtime/org.example.Platform/x86_64/1"
APP_METADATA = """[Application]
name=org.example.Hello
runtime=org.example.Platform/x86_64/1
sdk=org.example.Sdk/x86_64/1
command=hello

[Context]
shared=network;
"""
RUNTIME_METADATA = """[Runtime]
name=org.example.Platform
runtime=org.example.Platform/x86_64/1
sdk=org.example.Sdk/x86_64/1
"""
DESKTOP = "[Desktop Entry]\nName=Hello\nType=Application\nExec=hello\n"


class Flatpak:
    """Flatpak of a home of its own; `repo` has an app and its runtime."""

    def __init__(self, directory: Path, address: str) -> None:
        self.directory = directory
        self.repo = directory / "repo"
        self.data = directory / "data"
        runtime = directory / "run"
        for path in (self.data, runtime, directory / "home"):
            path.mkdir()
        runtime.chmod(0o700)
        self._environment = {
            **os.environ,
            "HOME": str(directory / "home"),
            "XDG_DATA_HOME": str(self.data),
            "XDG_RUNTIME_DIR": str(runtime),
            # an install asks on the system's bus about parental controls; on ours nobody answers to that name
            "DBUS_SESSION_BUS_ADDRESS": address,
            "DBUS_SYSTEM_BUS_ADDRESS": address,
        }
        self._build()

    def __call__(self, *arguments: str) -> str:
        command = ["flatpak", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=self._environment)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    def _build(self) -> None:
        app, runtime = self.directory / "app", self.directory / "runtime"
        files = {
            app / "metadata": APP_METADATA,
            app / "files/bin/hello": "#!/bin/sh\necho hello\n",
            app / "files/share/applications/org.example.Hello.desktop": DESKTOP,
            app / "export/share/applications/org.example.Hello.desktop": DESKTOP,
            runtime / "metadata": RUNTIME_METADATA,
            runtime / "files/lib/libx": "x\n",
        }
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        (app / "files/bin/hello").chmod(0o755)
        (app / "files/again").symlink_to("bin/hello")
        self("build-export", "--disable-sandbox", str(self.repo), str(app), "1")
        self("build-export", "--disable-sandbox", "-r", "--files=files", str(self.repo), str(runtime), "1")


@pytest.fixture(scope="module")
def flatpak(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flatpak]:
    directory = tmp_path_factory.mktemp("flatpak")
    with private_bus(directory) as address:
        yield Flatpak(directory, address)


def test_the_labels_are_those_that_flatpak_writes(flatpak: Flatpak, tmp_path: Path) -> None:
    for ref, kind in ((APP, ()), (RUNTIME, ("--runtime",))):
        _, name, _, branch = ref.split("/")
        theirs = tmp_path / f"theirs-{name}"
        flatpak("build-bundle", "--oci", *kind, str(flatpak.repo), str(theirs), name, branch)
        published(commit(flatpak.repo, ref), tmp_path / name, "flatpak", name="")
        mine, flatpaks = Layout(tmp_path / name).config(ref), Layout(theirs).config(ref)
        size = Layout(tmp_path / name).manifest(ref)["layers"][0]["size"]
        assert mine["config"]["Labels"] == {
            **flatpaks["config"]["Labels"],
            "org.flatpak.download-size": str(size),  # of a layer that another zlib wrote
        }
        assert (mine["architecture"], mine["os"]) == (flatpaks["architecture"], flatpaks["os"])


def _followed(found: dict[str, Seen], entry: Seen) -> Seen:
    """What is behind a hard link: flatpak 1.16 writes a file that has two names once."""
    return found[entry.link]._replace(name=entry.name) if entry.kind == tarfile.LNKTYPE else entry


def test_the_tree_is_the_one_that_flatpak_writes(flatpak: Flatpak, tmp_path: Path) -> None:
    flatpak("build-bundle", "--oci", str(flatpak.repo), str(tmp_path / "theirs"), "org.example.Hello", "1")
    published(commit(flatpak.repo, APP), tmp_path / "ours", "flatpak", name="")

    def read(layout: Path) -> dict[str, Seen]:
        (layer,) = Layout(layout).layers(APP)
        found = {entry.name: entry._replace(mtime=0) for entry in entries(layer)}
        return {name: _followed(found, entry) for name, entry in found.items()}

    assert read(tmp_path / "ours") == read(tmp_path / "theirs")


def test_flatpak_installs_it(flatpak: Flatpak, tmp_path: Path) -> None:
    published(commit(flatpak.repo, APP), tmp_path / "ours", "flatpak", name="")
    published(commit(flatpak.repo, RUNTIME), tmp_path / "runtime", "flatpak", name="")
    repo = tmp_path / "repo"
    subprocess.run(["ostree", "init", f"--repo={repo}", "--mode=archive"], check=True)
    for layout in ("ours", "runtime"):
        flatpak("build-import-bundle", "--oci", str(repo), str(tmp_path / layout))
    flatpak("build-update-repo", str(repo))
    trees = [
        subprocess.run(
            ["ostree", f"--repo={of}", "ls", "-R", "-C", APP], capture_output=True, check=True
        ).stdout
        for of in (repo, flatpak.repo)
    ]
    assert trees[0] == trees[1]
    flatpak("--user", "remote-add", "--no-gpg-verify", "shop", f"file://{repo}")
    flatpak("--user", "install", "-y", "--noninteractive", "shop", "org.example.Hello")
    installed = flatpak.data / "flatpak/app/org.example.Hello/current/active/files/bin/hello"
    assert installed.read_text() == "#!/bin/sh\necho hello\n"


def test_what_appctl_installed_of_flatpaks_image_flatpak_installs_again(
    flatpak: Flatpak, tmp_path: Path
) -> None:
    """As an install leaves it: a commit of the image's tree that holds the image's config."""
    flatpak("build-bundle", "--oci", str(flatpak.repo), str(tmp_path / "theirs"), "org.example.Hello", "1")
    theirs = Layout(tmp_path / "theirs").config(APP)
    theirs["config"]["Labels"]["org.freedesktop.appstream.appdata"] = "<component/>"
    noted = {"config": {"Labels": {**theirs["config"]["Labels"], "ostree.commit": "of that image"}}}
    repository = Repository.open(tmp_path / "repo")
    pull = ["ostree", f"--repo={tmp_path / 'repo'}", "pull-local", str(flatpak.repo), APP]
    subprocess.run(pull, check=True, capture_output=True)
    rev = subprocess.run([*pull[:2], "rev-parse", APP], check=True, capture_output=True, text=True).stdout
    found = repository.commit(rev.strip())
    with repository.shared(), repository.transaction() as writer:
        said = {"appctl.remote": "shop", "ostree.container.image-config": json.dumps(noted)}
        name = writer.commit(Commit(found.tree, found.meta, found.timestamp, said))
    published(commit(tmp_path / "repo", name), tmp_path / "ours", "flatpak", name="")
    size = Layout(tmp_path / "ours").manifest(APP)["layers"][0]["size"]
    assert Layout(tmp_path / "ours").config(APP)["config"]["Labels"] == {
        **theirs["config"]["Labels"], "org.flatpak.download-size": str(size),
    }  # fmt: skip
    again = tmp_path / "again"
    subprocess.run(["ostree", "init", f"--repo={again}", "--mode=archive"], check=True)
    flatpak("build-import-bundle", "--oci", str(again), str(tmp_path / "ours"))
    back = subprocess.run(
        ["ostree", f"--repo={again}", "ls", "-R", "-C", APP], check=True, capture_output=True
    )
    there = subprocess.run([*pull[:2], "ls", "-R", "-C", APP], check=True, capture_output=True)
    assert back.stdout == there.stdout


def test_a_commit_that_says_other_metadata_than_its_tree_has_is_refused(tmp_path: Path) -> None:
    remote = OstreeRemote(tmp_path)
    said = f"--add-metadata-string=xa.metadata={APP_METADATA}"
    remote.commit({"metadata": b"[Application]\nname=x\n", "files/f": b""}, said, ref=APP)
    with pytest.raises(BadManifest, match="is not what it says"):
        published(commit(remote.path, APP), tmp_path / "out", "flatpak", name="")


@pytest.mark.parametrize("ref", ["other/org.example.Hello/x86_64/1", "app/org.example.Hello/1"])
def test_a_commit_that_is_bound_to_no_ref_of_flatpaks_is_refused(tmp_path: Path, ref: str) -> None:
    remote = OstreeRemote(tmp_path)
    remote.commit({"metadata": b"x"}, "--add-metadata-string=xa.metadata=x", ref=ref)
    with pytest.raises(BadManifest, match=r"bound to no|no ref of flatpak"):
        published(commit(remote.path, ref), tmp_path / "out", "flatpak", name="")


def test_of_all_that_a_commit_is_bound_to_flatpaks_ref_counts(tmp_path: Path) -> None:
    remote = OstreeRemote(tmp_path)
    remote.commit({"metadata": b"x"}, "--add-metadata-string=xa.metadata=x", "--bind-ref=a/b/c/d", ref=APP)
    published(commit(remote.path, APP), tmp_path / "out", "flatpak", name="")
    assert set(Layout(tmp_path / "out").index) == {APP}


@pytest.mark.parametrize("said", [(), ("--add-metadata-string=xa.metadata=x",)])
def test_a_commit_without_metadata_is_refused(tmp_path: Path, said: tuple[str, ...]) -> None:
    remote = OstreeRemote(tmp_path)
    remote.commit({"files/f": b""}, *said, ref=APP)
    with pytest.raises(BadManifest, match="is not what it says"):
        published(commit(remote.path, APP), tmp_path / "out", "flatpak", name="")
