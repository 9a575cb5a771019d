# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The command line client of appctl: asks the daemon over D-Bus, and runs installed apps.

It imports nothing of the daemon; what both know stands in data/dbus/*.xml.
"""
