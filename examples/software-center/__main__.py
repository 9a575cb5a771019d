# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A small software centre for appctl, for authors of larger ones: python3 examples/software-center [--user].

installer.py is the bus, without GTK; the others are what a person sees. docs/software-centers.md is the text.
"""

import sys

import gi

gi.require_version("Gtk", "4.0")
gi.require_version("Adw", "1")
from gi.repository import Adw, Gio  # noqa: E402 - as PyGObject wants it

from installer import Installer  # noqa: E402
from window import Window  # noqa: E402

# Apps for all users are on the system bus, where polkit decides; a user's own are on the session bus.
installer = Installer(Gio.BusType.SESSION if "--user" in sys.argv else Gio.BusType.SYSTEM)
application = Adw.Application(application_id="org.appctl.SoftwareCenter")
application.connect("activate", lambda app: (app.get_active_window() or Window(app, installer)).present())
application.run()
