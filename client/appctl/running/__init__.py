# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Running an installed app as the caller: what it sees, what it may, and how its end is told."""
