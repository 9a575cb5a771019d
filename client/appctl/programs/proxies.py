# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The proxies of programs that run as the caller: those of the environment, or of the remote that they ask.

Guarantees: what is said here is what the daemon says for the same words. It goes to a worker on a pipe, as a
login may be in it. Leaves to others: what the address of a proxy may be, which is the worker's to judge.
"""

import os
import re
from collections.abc import Mapping

from appctl.talk.wire import Json

DIRECTLY = "none"
_SCHEMES = ("http", "https")


def proxies(settings: Mapping[str, str] | None = None) -> Json:
    """Return the proxy of each scheme and what is asked directly; `settings` are a remote's."""
    own = settings or {}
    asked, direct = own.get("proxy", ""), own.get("no-proxy", "")
    if asked:
        found = {} if asked == DIRECTLY else dict.fromkeys(_SCHEMES, asked)
    else:
        found = {scheme: text for scheme in _SCHEMES if (text := _proxy(scheme))}
        direct = f"{direct} {_variable('no_proxy')}"
    words = [word for word in re.split(r"[ ,]+", direct) if word]
    return {**found, "direct": [*words]} if found else {}


def _proxy(scheme: str) -> str:
    return _variable(f"{scheme}_proxy") or _variable("all_proxy")


def _variable(name: str) -> str:
    return os.environ.get(name) or os.environ.get(name.upper(), "")
