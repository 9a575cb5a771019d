# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
class MatchRule:
    def __init__(self, *, type: str | None = None) -> None: ...
