# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What the distribution's GLib makes of key files, desktop files and command lines."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

from appctld.model.jsonvalue import Json

_WORDS = """
import json, sys
from gi.repository import GLib
print(json.dumps([GLib.shell_parse_argv(line)[1] for line in json.load(sys.stdin)]))
"""
_STRINGS = """
import json, sys
from gi.repository import GLib
found = []
for text in json.load(sys.stdin):
    file = GLib.KeyFile()
    file.load_from_data(text, len(text.encode()), GLib.KeyFileFlags.KEEP_TRANSLATIONS)
    found.append({group: {key: file.get_string(group, key) if key not in sys.argv[1:]
                          else list(file.get_string_list(group, key))
                          for key in file.get_keys(group)[0]} for group in file.get_groups()[0]})
print(json.dumps(found))
"""
_ENTRY = """
import json, sys
from gi.repository import Gio
info = Gio.DesktopAppInfo.new_from_filename(sys.argv[1])
print(json.dumps(None if info is None else {
    "name": info.get_name(), "command": info.get_commandline(), "types": info.get_supported_types(),
    "icon": info.get_icon() and info.get_icon().to_string(), "actions": info.list_actions(),
    "action names": [info.get_action_name(name) for name in info.list_actions()],
    "shown": info.should_show(), "hidden": info.get_is_hidden(), "keywords": info.get_keywords(),
    "class": info.get_startup_wm_class(), "activatable": info.get_boolean("DBusActivatable"),
}))
"""
_LAUNCH = """
import sys
from gi.repository import Gio
info = Gio.DesktopAppInfo.new_from_filename(sys.argv[1])
if sys.argv[2]:
    info.launch_action(sys.argv[2], None)
else:
    info.launch([Gio.File.new_for_path(path) for path in sys.argv[3:]], None)
"""


def shell_words(lines: Sequence[str]) -> list[list[str]]:
    """Command lines, cut into words."""
    return json.loads(_asked(_WORDS, json.dumps(list(lines))))  # type: ignore[no-any-return]


def strings(texts: Sequence[str], *lists: str) -> list[dict[str, dict[str, str | list[str]]]]:
    """Key files: what a reader of strings gets; of keys in `lists` what a reader of lists gets."""
    return json.loads(_asked(_STRINGS, json.dumps(list(texts)), *lists))  # type: ignore[no-any-return]


def entry(path: Path) -> dict[str, Json] | None:
    """What GIO makes of a desktop file; None where it does not list it."""
    return json.loads(_asked(_ENTRY, "", str(path)))  # type: ignore[no-any-return]


def launch(path: Path, *files: str, action: str = "") -> None:
    """Start it, as a menu would, or one of its actions."""
    argv = ["/usr/bin/python3", "-c", _LAUNCH, str(path), action, *files]
    subprocess.run(argv, stdout=subprocess.DEVNULL, check=True)  # what it starts outlives it, and has no pipe


def _asked(program: str, given: str, *arguments: str) -> str:
    argv = ["/usr/bin/python3", "-c", program, *arguments]
    done = subprocess.run(argv, input=given, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
