# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Permissions as mounts, variables, system calls and rules of a bus proxy (docs/permissions.md)."""
