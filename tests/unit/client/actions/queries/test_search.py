# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl search`: a table for people, everything for programs, and nothing foreign unescaped."""

import json
from typing import Any

import jsonschema
import pytest

from appctl.__main__ import main
from json_schemas import schemas
from support.buses.commands import options_of
from support.buses.fake_installer import FakeInstaller, Script

Capture = pytest.CaptureFixture[str]
EDITOR: dict[str, Any] = {
    "id": "org.acme.Editor",
    "reference": "quay.io/acme/editor:1",
    "remote": "acme",
    "name": "Editor\x1b[31m\u202e",
    "summary": "Edit\ntext",
    "version": "1.4",
    "installed": False,
    "signed": True,
    "icon": "",
    "match": "name",
}
HINT = {**EDITOR, "id": "org.beta.Tool", "remote": "beta", "name": "Tool", "signed": False}


def found(*apps: dict[str, Any], **more: Any) -> Script:  # noqa: ANN401 - as a result has them
    names = {"without-catalogue": ("as", []), "not-renewed": ("as", []), "more": ("u", 0)}
    said = {
        key.replace("_", "-"): ("u" if isinstance(value, int) else "as", value) for key, value in more.items()
    }
    return Script({"State": "succeeded", "Result": {"apps": ("aa{sv}", _wire(apps)), **names, **said}})


def _wire(apps: tuple[dict[str, Any], ...]) -> list[dict[str, tuple[str, Any]]]:
    return [
        {key: ("b" if isinstance(value, bool) else "s", value) for key, value in app.items()} for app in apps
    ]


def test_what_is_found_is_a_table_without_foreign_control(daemon: FakeInstaller, capsys: Capture) -> None:
    daemon.scripts = {"Search": [found(EDITOR, HINT)]}
    assert main(["search", "ed", "it"]) == 0
    out = capsys.readouterr().out
    assert daemon.called("Search").body[0] == "ed it"
    header, first, second = out.splitlines()
    assert header.split() == [
        "Name",
        "Application",
        "ID",
        "Version",
        "Remote",
        "Signed",
        "Reference",
        "Summary",
    ]
    assert first.split()[0] == "Editor\\x1b[31m\\u202e"
    assert first.endswith("Edit\\x0atext")
    assert " yes " in first
    assert " no, a hint " in second


def test_what_is_asked_for(daemon: FakeInstaller, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.delenv("LC_ALL", raising=False)
    monkeypatch.setenv("LC_MESSAGES", "de_DE.UTF-8")
    monkeypatch.setenv("LANG", "fr_FR.UTF-8")
    daemon.scripts = {"Search": [found(EDITOR)]}
    assert main(["search", "--remote=acme", "--cached", "editor"]) == 0
    asked = options_of(daemon, "Search")
    assert asked == {"remote": "acme", "cached-only": True, "locale": "de_DE.UTF-8"}


def test_that_not_all_is_shown_is_told(daemon: FakeInstaller, capsys: Capture) -> None:
    daemon.scripts = {"Search": [found(EDITOR, more=7)]}
    assert main(["search", "editor"]) == 0
    assert capsys.readouterr().err == "7 more fit, and are not shown: say more words\n"


@pytest.mark.parametrize("name", ["\udcff", "x" * 2000, "de DE"])
def test_a_locale_that_is_none_asks_for_no_language(
    name: str, daemon: FakeInstaller, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setenv("LC_ALL", name)
    daemon.scripts = {"Search": [found(EDITOR)]}
    assert main(["search", "editor"]) == 0
    assert options_of(daemon, "Search")["locale"] == ""


def test_finding_nothing_is_no_failure(daemon: FakeInstaller, capsys: Capture) -> None:
    daemon.scripts = {"Search": [found(without_catalogue=["acme"], not_renewed=["beta"])]}
    assert main(["search", "nothing"]) == 0
    said = capsys.readouterr()
    assert said.out == "No matches found.\n"
    assert said.err.splitlines() == [
        "remote acme has no catalogue",
        "remote beta could not be asked for its catalogue",
    ]


def test_a_document_for_programs(daemon: FakeInstaller, capsys: Capture) -> None:
    daemon.scripts = {"Search": [found(EDITOR, without_catalogue=["beta"])]}
    assert main(["search", "--json", "editor"]) == 0
    document = json.loads(capsys.readouterr().out)
    jsonschema.validate(document, schemas()["found"])
    assert document["without_catalogue"] == ["beta"]
    assert (document["not_renewed"], document["more"]) == ([], 0)
    assert document["apps"][0]["name"] == EDITOR["name"]
    assert document["apps"][0]["scope"] == "user"


def test_a_failure_is_told_with_its_code(daemon: FakeInstaller, capsys: Capture) -> None:
    daemon.errors = {"Search": ("PolkitRequired", "nobody may ask", "", {})}
    assert main(["search", "editor"]) == 4
    assert "nobody may ask" in capsys.readouterr().err
