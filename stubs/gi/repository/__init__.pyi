# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The three libraries that the store uses."""

from . import Gio as Gio
from . import GLib as GLib
from . import OSTree as OSTree
