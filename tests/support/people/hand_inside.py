# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Runs a GTK 4 program, and presses its buttons: /usr/bin/python3 hand_inside.py SOCKET PROGRAM [ARGUMENT…].

PROGRAM is a directory with a `__main__.py`, which knows nothing of this. What is to be done comes as lines of
JSON on the socket, which hand.py listens at; each is answered when it happened, or could not within its time.
A person's means are used and no others: what can be seen is found by its text, and must be sensitive.
"""

# mypy: ignore-errors
# ruff: noqa: ANN001, ANN002, ANN201, ANN202
# (stubs/gi has what the daemon uses of GLib and OSTree, and none of GTK)

import json
import runpy
import socket
import sys
import threading
import time
import traceback

import gi

gi.require_version("Gtk", "4.0")
from gi.repository import Gdk, GLib, Gtk  # noqa: E402 - as PyGObject wants it

LOOK_MS = 20  # between two looks
WRONG = []  # what the program raised: PyGObject would go on after it


class Impossible(Exception):
    """Not now; perhaps later."""


def widgets(root=None):
    """All that can be seen, the newest window first."""
    if root is None:
        for window in reversed([*Gtk.Window.get_toplevels()]):
            yield from widgets(window)
        return
    if not root.get_mapped():
        return
    yield root
    child = root.get_first_child()
    while child is not None:
        yield from widgets(child)
        child = child.get_next_sibling()


def text_of(widget):
    """What is read on it, or by a screen reader."""
    if isinstance(widget, Gtk.Label):
        return widget.get_text()
    if isinstance(widget, Gtk.Button):
        return widget.get_label() or widget.get_tooltip_text() or ""
    return ""


def texts(root=None):
    """All that can be read."""
    return [text for text in map(text_of, widgets(root)) if text]


def within(widget, words):
    """Whether the row in which a widget stands has these words."""
    found = widget.get_ancestor(Gtk.ListBoxRow)
    return found is not None and words in texts(found)


def press(text, beside=""):
    """Press the button of that name, in the row that has those words."""
    for widget in widgets():
        here = isinstance(widget, Gtk.Button) and text_of(widget) == text
        if here and widget.is_sensitive() and (not beside or within(widget, beside)):
            widget.emit("clicked")
            return
    raise Impossible(f"no button {text!r} beside {beside!r}")


def write(text):
    """Type into the entry, and press return."""
    for widget in widgets():
        if isinstance(widget, Gtk.SearchEntry):
            widget.set_text(text)
            widget.emit("activate")
            return
    raise Impossible("no entry")


def see(*words):
    """Wait for all of these; gives everything that is there."""
    found = texts()
    for word in words:
        if not any(word in text for text in found):
            raise Impossible(f"no {word!r}")
    return found


def miss(*words):
    """Wait until none of these is there."""
    found = texts()
    for word in words:
        if any(word in text for text in found):
            raise Impossible(f"still {word!r}")
    return found


def size():
    """Of the newest window, in pixels of the screen; it stands in the upper left corner."""
    window = next(widgets())
    scale = window.get_scale_factor()
    return window.get_width() * scale, window.get_height() * scale


DEEDS = {deed.__name__: deed for deed in (press, write, see, miss, size)}


def when_possible(deed, arguments, until, answer):
    """Do it as soon as it is possible; called by the main loop again and again."""
    if WRONG:
        answer({"impossible": WRONG.pop(0)})
        return GLib.SOURCE_REMOVE
    try:
        answer({"done": DEEDS[deed](*arguments)})
    except Impossible as error:
        if time.monotonic() < until:
            return GLib.SOURCE_CONTINUE
        answer({"impossible": f"{error}; there is {texts()}"})
    except Exception:  # noqa: BLE001 - whatever it is, who asked must hear of it
        answer({"impossible": traceback.format_exc()})
    return GLib.SOURCE_REMOVE


def obey(connection):
    """Pass what is asked on to the main loop, one after the other."""
    lines = connection.makefile("rw")
    for line in lines:
        deed, arguments, seconds = json.loads(line)
        answered = threading.Event()

        def answer(said, answered=answered):
            lines.write(json.dumps(said) + "\n")
            lines.flush()
            answered.set()

        GLib.timeout_add(LOOK_MS, when_possible, deed, arguments, time.monotonic() + seconds, answer)
        answered.wait()


def settle():
    """Be the desktop that is not there: its font, its buttons; no compositor means a frame, which goes."""
    settings = Gtk.Settings.get_default()
    settings.props.gtk_font_name = "Cantarell 11"
    settings.props.gtk_decoration_layout = ":close"
    settings.props.gtk_enable_animations = False
    style = Gtk.CssProvider()
    style.load_from_data(b"window.solid-csd { padding: 0; box-shadow: none; }")
    Gtk.StyleContext.add_provider_for_display(Gdk.Display.get_default(), style, 800)


def main():
    """Run the program as python itself does."""
    place, program, *arguments = sys.argv[1:]
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(place)
    threading.Thread(target=obey, args=(connection,), daemon=True).start()
    sys.excepthook = lambda *raised: WRONG.append("".join(traceback.format_exception(*raised)))
    GLib.idle_add(settle)
    sys.argv = [program, *arguments]
    runpy.run_path(program, run_name="__main__")


if __name__ == "__main__":
    main()
