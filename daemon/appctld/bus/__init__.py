# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The D-Bus edge: what data/dbus/*.xml promises, answered with plain values from the rooms below."""
