# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl doctor`: is everything here that appctl needs? One module a part of the machine.

Only what the caller may see is looked at; nothing is changed, nothing leaves this machine, and no daemon is
needed.
"""
