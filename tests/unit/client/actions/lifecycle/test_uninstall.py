# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl uninstall`, `rollback` and `prune`: what goes, what is freed, and what stays."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from appctl.__main__ import main
from support.buses.commands import EDITOR, done, options_of
from support.buses.fake_installer import FakeInstaller, Script, failed

Capture = pytest.CaptureFixture[str]
Answer = Callable[[str], None]


def removed(freed: int) -> Script:
    """The end of an uninstall: what the daemon still says of the app, and what was freed."""
    app = {"id": "org.acme.Editor", "version": "1.4", "changed": True}
    return Script({"State": "succeeded", "Result": {"apps": [app], "freed-bytes": freed}})


def test_uninstall_names_the_data_that_stays(daemon: FakeInstaller, answer: Answer, capsys: Capture) -> None:
    data = Path.home() / ".var/app/org.acme.Editor"
    data.mkdir(parents=True)
    (data / "x").write_bytes(b"x" * 2000)
    daemon.apps = [EDITOR | {"scope": "user"}]
    daemon.scripts["Uninstall"] = [removed(97_000_000)]
    answer("y\n")
    assert main(["uninstall", "editor"]) == 0
    out, err = capsys.readouterr()
    assert "(2 kB) stays" in err
    assert out.startswith("Uninstalled org.acme.Editor.\n")
    assert out.endswith("Freed 97 MB.\n")
    assert data.is_dir()


def test_uninstall_deletes_data_when_told(daemon: FakeInstaller) -> None:
    data = Path.home() / ".var/app/org.acme.Editor"
    data.mkdir(parents=True)
    daemon.apps = [EDITOR | {"scope": "user"}]
    daemon.scripts["Uninstall"] = [failed("InUse"), done({"id": "org.acme.Editor"})]
    assert main(["rm", "-y", "--delete-data", "org.acme.Editor"]) == 1
    assert data.is_dir()
    assert main(["rm", "-y", "--delete-data", "org.acme.Editor"]) == 0
    assert not data.exists()


def test_what_an_app_nested_without_end_is_counted_and_deleted(
    daemon: FakeInstaller, answer: Answer, capsys: Capture
) -> None:
    """Its size is told first, and an app must not keep itself from being removed."""
    data = Path.home() / ".var/app/org.acme.Editor"
    place = data
    for _ in range(1100):  # which Python's own makedirs cannot
        place.mkdir(parents=place is data)
        place /= "d"
    for around in (data, place.parent):
        (around / "x").write_bytes(b"x" * 1000)
    daemon.apps = [EDITOR | {"scope": "user"}]
    daemon.scripts["Uninstall"] = [removed(0)]
    answer("y\n")
    assert main(["rm", "--delete-data", "editor"]) == 0
    assert "(2 kB) goes too" in capsys.readouterr().err
    assert not data.exists()


def test_every_name_is_tried_and_the_first_failure_counts(daemon: FakeInstaller, capsys: Capture) -> None:
    daemon.apps = [EDITOR | {"scope": "user"}]
    daemon.scripts["Uninstall"] = [removed(0)]
    assert main(["rm", "-y", "nosuch", "editor", "neither"]) == 3
    out, err = capsys.readouterr()
    assert out == "Uninstalled org.acme.Editor.\n"
    assert err.count("is not installed") == 2


def test_names_that_mean_nothing_ask_nothing(daemon: FakeInstaller, capsys: Capture) -> None:
    assert main(["uninstall", "nosuch"]) == 3
    assert capsys.readouterr().err == "error: nosuch is not installed\nhint: appctl list\n"
    assert "Uninstall" not in [call.member for call in daemon.calls]


def test_json_tells_what_was_known_of_the_app(daemon: FakeInstaller, capsys: Capture) -> None:
    daemon.apps = [EDITOR | {"scope": "user"}]
    daemon.scripts["Uninstall"] = [removed(97_000_000)]
    assert main(["rm", "-y", "--json", "editor"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["remote"], document["image_digest"]) == ("acme", EDITOR["image-digest"])
    assert (document["changed"], document["freed_bytes"]) == (True, 97_000_000)


def test_rollback(daemon: FakeInstaller, capsys: Capture) -> None:
    daemon.apps = [EDITOR | {"scope": "user", "version": "1.5"}]
    daemon.scripts["Rollback"] = [done(EDITOR)]
    assert main(["rollback", "editor", "--to", "1.4"]) == 0
    assert daemon.called("Rollback").body == ("org.acme.Editor", {"to": ("s", "1.4")})
    assert "1.5 -> 1.4 (kept, signed E24C…68BD). Open windows keep 1.5." in capsys.readouterr().out


def test_prune_counts(daemon: FakeInstaller, capsys: Capture) -> None:
    daemon.scripts["Prune"] = [Script({"State": "succeeded", "Result": {"freed-bytes": 180_000_000}})] * 2
    assert main(["prune", "--dry-run"]) == 0
    assert options_of(daemon, "Prune") == {"dry-run": True}
    assert main(["prune", "-q"]) == 0
    assert capsys.readouterr().out == "180 MB can go.\n"


def test_what_is_freed_is_what_nothing_else_holds(
    daemon: FakeInstaller, answer: Answer, capsys: Capture
) -> None:
    """An object lies in the repository too; what another app, or an older version, has has one name more."""
    home = Path.home()
    own, shared = home / "repo/own.file", home / "repo/shared.file"
    deployments = [home / f"apps/org.acme.Editor/{number}/files" for number in (1, 2)]
    for directory in (own.parent, home / "apps/org.other/1", *deployments):
        directory.mkdir(parents=True)
    own.write_bytes(b"x" * 3_000_000)
    shared.write_bytes(b"y" * 5_000_000)
    for directory in deployments:
        os.link(own, directory / "own")
        os.link(shared, directory / "shared")
    os.link(shared, home / "apps/org.other/1/shared")
    daemon.apps = [EDITOR | {"scope": "user", "deployment": str(deployments[0])}]
    answer("n\n")
    assert main(["uninstall", "editor"]) == 130
    assert "org.acme.Editor 1.4: frees 3 MB.\nUninstall? [Y/n]" in capsys.readouterr().err


def test_what_cannot_be_looked_at_is_freed_at_most(
    daemon: FakeInstaller, answer: Answer, capsys: Capture
) -> None:
    daemon.apps = [EDITOR | {"scope": "user", "deployment": ""}]
    answer("n\n")
    assert main(["uninstall", "editor"]) == 130
    assert "frees up to 254 MB." in capsys.readouterr().err


def test_a_rollback_to_what_is_current_changes_and_skips_nothing(
    daemon: FakeInstaller, capsys: Capture
) -> None:
    daemon.apps = [EDITOR | {"scope": "user"}]
    daemon.scripts["Rollback"] = [done(EDITOR | {"changed": False})]
    assert main(["rollback", "editor", "--to", "1.4"]) == 0
    assert capsys.readouterr().out == "org.acme.Editor 1.4 is current already.\n"


def test_data_that_an_app_made_unwritable_goes_too(daemon: FakeInstaller, capsys: Capture) -> None:
    data = Path.home() / ".var/app/org.acme.Editor"
    (data / "go/pkg").mkdir(parents=True)
    (data / "go/pkg/module").write_text("x")
    (data / "go/pkg").chmod(0o500)
    daemon.apps = [EDITOR | {"scope": "user"}]
    daemon.scripts["Uninstall"] = [removed(0)]
    assert main(["rm", "-y", "--delete-data", "editor"]) == 0
    assert not data.exists()
    assert capsys.readouterr().out.endswith("is removed.\n")


def test_data_that_cannot_be_removed_is_told_beside_what_was_done(
    daemon: FakeInstaller, capsys: Capture
) -> None:
    data = Path.home() / ".var/app/org.acme.Editor"
    data.mkdir(parents=True)
    data.parent.chmod(0o500)
    daemon.apps = [EDITOR | {"scope": "user"}]
    daemon.scripts["Uninstall"] = [removed(97)]
    try:
        assert main(["rm", "-y", "--delete-data", "--json", "editor"]) == 1
    finally:
        data.parent.chmod(0o700)
    told = json.loads(capsys.readouterr().out)
    assert (told["changed"], told["freed_bytes"]) == (True, 97)
    assert [error["name"] for error in told["errors"]] == ["Failed"]
    assert str(data) in told["errors"][0]["message"]


def test_data_behind_a_link_stays_and_that_is_said(
    daemon: FakeInstaller, tmp_path: Path, answer: Answer, capsys: Capture
) -> None:
    data = Path.home() / ".var/app/org.acme.Editor"
    data.parent.mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    data.symlink_to(tmp_path / "elsewhere")
    daemon.apps = [EDITOR | {"scope": "user"}]
    daemon.scripts["Uninstall"] = [removed(0)]
    answer("y\n")
    assert main(["rm", "--delete-data", "editor"]) == 0
    out, err = capsys.readouterr()
    assert "goes too" not in err
    assert out.endswith("stays.\n")
    assert (tmp_path / "elsewhere").is_dir()
