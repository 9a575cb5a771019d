# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What the pages are made of, and how text is shown that somebody else wrote."""

import unicodedata

from gi.repository import Adw, Gdk, GLib, Gtk, Pango


def plain(text):
    """Give foreign text without lines, what turns the direction of writing or hides; never as markup."""
    return "".join(sign for sign in text[:300] if not unicodedata.category(sign).startswith("C"))


def name(app):
    """Give what people call an app; not every image says it."""
    return plain(app.get("title", "")) or app["id"].rpartition(".")[2]


def label(text, *classes):
    """Make a text of any length."""
    return Gtk.Label(label=text, xalign=0, wrap=True, wrap_mode=Pango.WrapMode.WORD_CHAR, css_classes=classes)


def icon(sign, *classes):
    """Make a symbol."""
    return Gtk.Image(icon_name=f"{sign}-symbolic", css_classes=classes)


def button(text, pressed, *classes, sign=None):
    """Make a button; the text of one with a symbol is for the pointer, and for a screen reader."""
    made = Gtk.Button(icon_name=f"{sign}-symbolic", tooltip_text=text) if sign else Gtk.Button(label=text)
    made.set_valign(Gtk.Align.CENTER)
    made.connect("clicked", lambda _: pressed())
    for each in classes:
        made.add_css_class(each)
    return made


def box(*parts, across=False, spacing=6, margin=0, **more):
    """Put parts below, or beside, each other."""
    sides = {f"margin_{side}": margin for side in ("top", "bottom", "start", "end")}
    made = Gtk.Box(orientation=Gtk.Orientation(not across), spacing=spacing, **sides, **more)
    for part in parts:
        made.append(part)
    return made


def row(prefix, title, subtitle="", *suffixes):
    """Make a row of a list."""
    made = Adw.ActionRow(use_markup=False)  # first: a constructor may set title and subtitle before this
    made.set_title(title)
    made.set_subtitle(subtitle)
    made.add_prefix(prefix)
    for widget in suffixes:
        made.add_suffix(widget)
    return made


def group(title, rows, suffix=None):
    """Make a list with a heading."""
    made = Adw.PreferencesGroup(title=title, header_suffix=suffix)
    for each in rows:
        made.add(each)
    return made


def page(*parts):
    """Let parts scroll together, and not get too wide to be read."""
    content = Adw.Clamp(child=box(*parts, spacing=24, margin=18), maximum_size=600)
    return Gtk.ScrolledWindow(child=content, hscrollbar_policy=Gtk.PolicyType.NEVER, vexpand=True)


def picture(title, image="", size=40):
    """Show an app's icon, by the name that it exports or a catalogue's file; else its initials."""
    if image.startswith("/"):
        return Gtk.Image(file=image, pixel_size=size)
    if Gtk.IconTheme.get_for_display(Gdk.Display.get_default()).has_icon(image):
        return Gtk.Image(icon_name=image, pixel_size=size)
    return Adw.Avatar(text=title, show_initials=True, size=size)


class Progress(Gtk.Box):
    """How far a job is, and a way to stop it."""

    def __init__(self, job):
        super().__init__(spacing=12, css_classes=["toolbar"])
        self._what, self._bar, self._how = label("", "heading"), Gtk.ProgressBar(), label("", "caption")
        self._cancel = button("Cancel", job.cancel)
        self.append(box(self._what, self._bar, self._how, hexpand=True, margin=6))
        self.append(self._cancel)
        job.connect("moved", self._moved)

    def _moved(self, job):
        self._what.set_label(plain(job.fact("Title")))
        done, total = (GLib.format_size(job.fact(name)) for name in ("BytesDone", "BytesTotal"))
        bytes_ = f", {done} of {total}" if job.fact("BytesTotal") else ""
        asks = job.fact("State") == "authorizing"  # polkit's agent shows the dialog
        self._how.set_label("waits for an answer" if asks else f"{job.fact('Stage')}{bytes_}")
        self._cancel.set_sensitive(job.fact("Cancelable"))
        if job.fact("Percent") < 0:  # nobody knows it yet
            self._bar.pulse()
        else:
            self._bar.set_fraction(job.fact("Percent") / 100)
