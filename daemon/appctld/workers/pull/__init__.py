# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The native OSTree pull: libostree, in a sandbox with network and one directory to write in."""

import gi

gi.require_version("OSTree", "1.0")  # here, so that no file below can import another version first
