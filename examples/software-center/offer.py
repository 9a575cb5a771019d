# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The page on which a person decides: who signed it, what it may use, what it costs. Nothing has changed."""

from datetime import UTC, datetime

from gi.repository import GLib, Gtk

from rows import box, button, group, icon, label, name, page, picture, plain, row

WORDS = {"shared=network": "Network", "sockets=wayland": "Windows on your screen"}
WORDS |= {"sockets=x11": "Screen and keyboard", "sockets=pulseaudio": "Sound and microphone"}
WORDS |= {"filesystems=home": "All your files", "filesystems=host": "All files of this computer"}
SIGNS = {"shared": "network-workgroup", "sockets": "video-display", "filesystems": "folder"}


def offer_page(offer, accept, approved=None, image=""):
    """Show the preview of an install, or of an update of what had `approved`; `accept` takes it."""
    update = approved is not None
    before = f"{plain(offer['installed'])} → " if offer["installed"] else ""
    title = box(
        label(name(offer), "title-1"),
        label(f"Version {before}{plain(offer['version'])}"),
        label(" → ".join(filter(None, [offer["switches-from"], offer["reference"]])), "dim-label", "caption"),
        valign=Gtk.Align.CENTER,
    )
    asks = [_permission(*each, new=update and each not in approved) for each in offer["permissions"]]
    shown = page(
        box(picture(name(offer), image or offer["id"], size=80), title, across=True, spacing=18),
        group("Published by", [_signer(offer)]),
        group("Wants to Use", asks or [row(icon("security-high"), "Nothing outside its sandbox")]),
    )
    agree = button(
        "Allow and Update" if update else "Install", lambda: accept(offer), "suggested-action", "pill"
    )
    size = box(label(_size(offer), "dim-label"), hexpand=True, valign=Gtk.Align.CENTER)
    return box(shown, Gtk.Separator(), box(size, agree, across=True, margin=12), spacing=0)


def _signer(offer):
    if not offer.get("signer"):
        return row(icon("dialog-warning", "warning"), offer["remote"], "Nobody signed this")
    when = datetime.fromtimestamp(offer["signed-at"], UTC).strftime(" %Y-%m-%d") if offer["signed-at"] else ""
    # The whole fingerprint: keys that look alike at their ends can be made.
    signed = f"Signed{when} by {plain(offer['signer-name'])}\n{offer['signer']}"
    return row(icon("security-high", "success"), offer["remote"], signed)


def _permission(kind, value, risk, *, new):
    words = WORDS.get(f"{kind}={value}") or (value if kind == "filesystems" else f"{kind}: {value}")
    marks = [Gtk.Label(label="New", css_classes=["accent", "caption-heading"])] if new else []
    if leaves := risk != "limited":
        marks.append(icon("dialog-warning", "warning"))
    return row(icon(SIGNS.get(kind, "application-x-addon")), plain(words), risk if leaves else "", *marks)


def _size(offer):
    if offer.get("size-unknown"):
        return "Nobody knows before how much is to be downloaded"
    fetched, here = (GLib.format_size(offer[key]) for key in ("download-size", "reuse-size"))
    needed = f"{fetched} to download" if offer["download-size"] else "Nothing to download"
    return needed + (f", {here} already here" if offer["reuse-size"] else "")
