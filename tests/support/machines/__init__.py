# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A machine with appctl: the daemon, its client and its network, and the ways in which one may differ."""
