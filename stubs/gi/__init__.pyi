# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""PyGObject, as far as appctl uses it: what is not here is a type error."""

def require_version(namespace: str, version: str) -> None: ...
