# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What people see, word by word, at a terminal: installs, refusals with their hints, updates, the way back.

In the texts below `*` stands for one word that may be another each time (a digest, a size, a date), and how
the words are broken into lines does not count. support/people/sessions.py lives through them.
"""

import re
from pathlib import Path

import pytest

from record_session import session_of, text_of
from support.people.recording import record
from support.people.sessions import tell

README = Path(__file__).resolve().parents[2] / "README.md"
VARIES = re.compile(
    r"[0-9A-F]{4}…[0-9A-F]{4}|[0-9A-F]{40}|sha256:[0-9a-f]{4}|\d{4}-\d\d-\d\d|[\d.]+ (?:bytes|kB|MB)"
)
pytestmark = pytest.mark.timeout(400)  # a story of many commands, on a busy machine
SESSIONS = {
    "install": (
        0,
        """
        org.acme.Editor 1.4   quay.io/acme/editor:latest  sha256:*…   from acme
        Signed by  * "Acme <rel@acme.example>", *
        Size       * * to download, * * already here, 2.5 MB installed
        May use    network; ~/Documents (read, write); display
        Of that    network; ~/Documents (read, write): leaves the sandbox
        Install for all users? [Y/n]
        Installed org.acme.Editor 1.4.   Start it: appctl run editor
        """,
    ),
    "no remote": (
        3,
        """
        error: no remote covers quay.io/other/x:1
        hint: appctl remote add FILE-OR-URL    (the publisher's .appctlremote; none? appctl help trust)
        """,
    ),
    "no signature": (
        5,
        """
        error: quay.io/acme/tool:1 has no signature
          looked at https://sigs.acme.example/acme/tool@sha256=*/signature-1 (404),
          tag sha256-*….sig (404), referrers (404), tag sha256-*… (404)
        hint: appctl help unsigned
        """,
    ),
    "another key": (
        5,
        """
        error: quay.io/acme/editor:latest is signed by *, which remote acme does not trust
          trusted: * "Acme <rel@acme.example>". Nothing changed; 1.4 still runs.
        hint: appctl help key-change    (ask the publisher first)
        """,
    ),
    "login": (
        1,
        """
        error: registry.corp refuses team/app: not found, or a login is needed (HTTP 401)
        hint: appctl login registry.corp
        """,
    ),
    "no space": (
        7,
        """
        error: /var/lib/appctl needs * *, * * free above the * * reserve
        hint: appctl prune --dry-run    (* * can go)
        """,
    ),
    "update": (
        6,
        """
        org.acme.Editor 1.4 -> 1.6   * *   NEW: all your files (home)
        org.acme.Viewer 2.0 -> 2.1   * *        Update both? [y/N/s(kip new permissions)] s
        Updated Viewer 2.1. Kept Editor 1.4: needs approval (appctl update editor)
        """,
    ),
    "rollback": (
        0,
        """
        1.6 -> 1.4 (kept, signed *). Open windows keep 1.6. 1.6 is skipped until something newer appears.
        """,
    ),
    "uninstall": (
        0,
        """
        Frees * *. Your data ~/.var/app/org.acme.Editor (34 kB) stays.  Uninstall? [Y/n]
        Uninstalled org.acme.Editor.
        Your data ~/.var/app/org.acme.Editor stays.
        Freed * *.
        """,
    ),
}


def test_people_see_these_words(tmp_path: Path) -> None:
    told = tell(tmp_path)
    wrong = [
        f"--- {name}: exit code {told[name][1]}\n" + "\n".join(told[name][0])
        for name, (code, text) in SESSIONS.items()
        if told[name][1] != code or not _same(text, told[name][0])
    ]
    assert not wrong, "\n".join(wrong)


def _same(text: str, lines: list[str]) -> bool:
    wanted = " ".join(re.escape(word).replace(r"\*", r"\S+") for word in text.split())
    return re.fullmatch(wanted, " ".join(" ".join(lines).split())) is not None


def test_the_session_in_the_readme_is_one_that_was_recorded(tmp_path: Path) -> None:
    texts = (text_of(record(tmp_path)), session_of(README.read_text()))
    recorded, shown = (VARIES.sub("*", text) for text in texts)
    assert [line.split() for line in recorded.splitlines()] == [line.split() for line in shown.splitlines()]
