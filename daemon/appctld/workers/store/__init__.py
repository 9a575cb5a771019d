# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Where bytes become objects: one thread with one repository, and helpers that hash and write; no network."""

import gi

gi.require_version("OSTree", "1.0")  # here, so that no file below can import another version first
