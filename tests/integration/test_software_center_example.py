# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""examples/software-center before a person, on a real screen and bus, with a real daemon, registry and keys.

support/people/customer.py goes through it; here stands what is to be read in each scene.
"""

import json
import re
import subprocess
from pathlib import Path

import pytest

from support.people.customer import PROGRAM, Scenes, visit

pytestmark = pytest.mark.timeout(300)  # a story of many jobs, on a busy machine
LINES = 400
SIZES = re.compile("30[0-9.]+\xa0kB to download, [12][.][0-9]\xa0MB already here")
UPDATE = re.compile("1.4 → 1.5, 30[0-9.]+\xa0kB")
# How large a picture is, how its first pixel is, and how many are paper, ink and the blue of Editor's icon.
LOOK = """
import json, sys
from gi.repository import GdkPixbuf
seen = GdkPixbuf.Pixbuf.new_from_file(sys.argv[1])
width, height, data = seen.get_width(), seen.get_height(), seen.get_pixels()
pixels = list(zip(*[iter(data)] * 4))
print(json.dumps({
    "size": [width, height], "corner": pixels[0][3],
    "paper": sum(min(pixel) > 240 for pixel in pixels), "ink": sum(max(pixel[:3]) < 80 for pixel in pixels),
    "blue": sum(pixel[2] > 150 and pixel[2] > pixel[0] + 80 for pixel in pixels),
}))
"""
FINGERPRINT = re.compile(r"Signed \d{4}-\d\d-\d\d by Acme <rel@acme\.example>\n[0-9A-F]{40}")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("p")


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> Scenes:
    return visit(tmp_path_factory.mktemp("c"), pictures, "found")


def test_a_preview_has_signer_permissions_and_size(scenes: Scenes) -> None:
    assert {"Editor", "Version 1.4", "quay.io/acme/editor:latest"} <= set(scenes["preview of editor"])
    assert any(map(FINGERPRINT.fullmatch, scenes["preview of editor"]))
    assert {"Network", "~/Documents", "Windows on your screen"} <= set(scenes["preview of editor"])
    assert scenes["preview of editor"].count("leaves the sandbox") == 2
    assert any(map(SIZES.fullmatch, scenes["preview of viewer"]))


def test_the_list_is_empty_then_has_what_was_installed(scenes: Scenes) -> None:
    assert "No Apps Yet" in scenes["empty"]
    assert {"Editor", "1.4 from acme", "Installed Editor"} <= set(scenes["editor installed"])
    assert {"Editor", "Viewer", "2.0 from acme"} <= set(scenes["viewer installed"])


def test_what_a_catalogue_has_is_found_and_who_has_none_is_told(scenes: Scenes) -> None:
    assert {"Editor", "An app to try", "View", "labs has no catalogue"} <= set(scenes["found"])
    assert "Viewer" not in scenes["found"]


def test_a_picture_shows_what_can_be_read(scenes: Scenes, pictures: Path) -> None:
    """Of the others scripts/screenshots takes one for the documents."""
    assert "Editor" in scenes["found"]
    command = ["/usr/bin/python3", "-W", "ignore", "-c", LOOK, str(pictures / "found.png")]
    seen = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert (seen["size"], seen["corner"]) == ([920, 1320], 0)
    assert seen["paper"] > 920 * 1320 / 2
    assert seen["ink"] > 2000
    assert seen["blue"] > 80 * 80 / 2


def test_what_nobody_signed_is_said_to_be_that_before_and_after_it_is_looked_at(scenes: Scenes) -> None:
    assert "It turns (words that nobody signed)" in scenes["hearsay"]
    assert {"Sketch", "loft", "Nobody signed this"} <= set(scenes["preview of sketch"])
    assert not any("nobody signed" in text for text in scenes["found"])


def test_a_download_is_seen_and_cancelled(scenes: Scenes) -> None:
    assert "Install quay.io/labs/studio:latest" in scenes["progress"]
    assert any("of 8.0\xa0MB" in text for text in scenes["progress"])
    assert "the job was cancelled" in scenes["cancelled"]
    assert not {"Studio", "Install quay.io/labs/studio:latest"} & set(scenes["cancelled"])


def test_an_update_that_asks_for_more_waits_until_it_is_approved(scenes: Scenes) -> None:
    assert "2.0 → 2.1, wants to use more" in scenes["updates"]
    assert any(map(UPDATE.fullmatch, scenes["updates"]))
    assert {"Updated Editor", "1.5 from acme", "2.0 from acme"} <= set(scenes["updated"])
    assert {"Version 2.0 → 2.1", "All your files", "Allow and Update"} <= set(scenes["approval"])
    assert scenes["approval"].count("New") == 1
    assert {"2.1 from acme", "Go Back to 2.0"} <= set(scenes["approved"])


def test_an_update_of_another_signer_is_refused_with_a_hint(scenes: Scenes) -> None:
    assert any("which remote acme does not trust" in text for text in scenes["refused"])
    assert "appctl help key-change    (ask the publisher first)" in scenes["refused"]
    assert "1.5 from acme\nLast update failed: UntrustedSigner" in scenes["without service"]


def test_what_is_listed_stays_without_the_service_and_works_with_the_next(scenes: Scenes) -> None:
    assert {"Editor", "Viewer"} <= set(scenes["without service"])
    assert not any("downloading" in text for text in scenes["without service"])
    assert {"Go Back to 1.5", "2.1 from acme"} <= set(scenes["rolled back"])


def test_an_app_is_removed_after_a_question(scenes: Scenes) -> None:
    assert {"Remove Viewer?", "Your data in ~/.var/app/org.acme.Viewer stays."} <= set(scenes["asked"])
    assert "Removed Viewer" in scenes["removed"]
    assert "Viewer" not in scenes["removed"]


def test_polkit_may_ask_and_what_was_shown_goes_back(scenes: Scenes) -> None:
    shown = "accept-permissions expected-digest"
    wanted = {f"Install {shown}", f"Approve {shown}", "Search locale"}
    wanted |= {"Resolve", "CheckUpdates", "Update", "Rollback", "Uninstall", "List"}
    assert set(scenes["calls that may ask"]) == wanted


def test_its_size_is_told_as_it_is() -> None:
    """With the lines that are empty and without them."""
    lines = [line for file in files() for line in file.read_text().splitlines()]
    told = f"{len([line for line in lines if line.strip()])} lines ({len(lines)} with the empty ones)"
    for document in ("README.md", "docs/software-centers.md"):
        assert told in " ".join((PROGRAM.parents[1] / document).read_text().split())


def files() -> list[Path]:
    return sorted(PROGRAM.glob("*.py"))


def test_it_is_small_and_knows_nothing_of_appctl_but_its_bus() -> None:
    lines = [line for file in files() for line in file.read_text().splitlines()]
    assert len([line for line in lines if line.strip()]) <= LINES
    ours = {file.stem for file in files()}
    imported = {found[1] for line in lines if (found := re.match(r"\s*(?:from|import) (\w+)", line))}
    assert imported - ours == {"sys", "re", "gi", "datetime", "functools", "unicodedata"}


def test_where_there_is_no_bus_that_is_said_before_and_after_it_is_known() -> None:
    program = f"""
import sys; sys.path.insert(0, {str(PROGRAM)!r})
from gi.repository import Gio, GLib
from installer import Installer
loop, asked = GLib.MainLoop(), Installer(Gio.BusType.SESSION)
asked.connect("refused", lambda _, *what: (print(what), loop.quit()))
asked.start("CheckUpdates")
loop.run()
asked.start("CheckUpdates")
"""
    command = ["/usr/bin/python3", "-c", program]
    environment = {"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere"}
    ran = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    lines = ran.stdout.splitlines()
    assert (len(lines), lines[0] == lines[2], "no bus" in lines[0], ran.stderr) == (3, True, True, "")


def test_foreign_text_is_one_line_that_turns_and_hides_nothing() -> None:
    program = f"import sys; sys.path.insert(0, {str(PROGRAM)!r}); import gi; gi.require_version('Adw', '1')\n"
    program += "gi.require_version('Gtk', '4.0'); from rows import plain; print(plain(sys.argv[1]))"
    text = "Edit\N{RIGHT-TO-LEFT OVERRIDE}or\N{ZERO WIDTH SPACE}\n1.4\x1b"
    command = ["/usr/bin/python3", "-W", "ignore", "-c", program, text]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "Editor1.4\n"
