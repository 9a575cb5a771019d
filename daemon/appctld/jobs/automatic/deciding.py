# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Who is asked how far an update may go that nobody asked for; the answer is the room above's."""

from collections.abc import Awaitable, Callable

from appctld.model.automatic import Decision

Decide = Callable[[], Awaitable[Decision]]
"""How far it goes now. Raises PolicyDenied, RepoCorrupt: then it does not go at all."""
