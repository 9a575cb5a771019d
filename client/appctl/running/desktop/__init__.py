# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The session that an app runs in: its buses, the portals, and by what they know who asks."""
