# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The two scopes. Where each keeps its things is places.py's."""

from enum import StrEnum


class Scope(StrEnum):
    """Whose apps: the machine's, or the caller's."""

    SYSTEM = "system"
    USER = "user"
