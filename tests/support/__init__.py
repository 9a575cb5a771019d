# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What tests share: the real peers (registry, keys, lookaside, bus), started on loopback and ended again."""
