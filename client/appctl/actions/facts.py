# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What is said in the same words of an app and of its preview: who signed it, and what it may use.

All of it escaped.
"""

from appctl.talk.wire import Json, get_int, get_str, get_triples
from appctl.terminal.show import Palette, date, escape, short_fingerprint


def signed_by(app: Json, palette: Palette) -> str:
    """Say who signed, and when; UNSIGNED in red where nobody had to; a digest that somebody typed."""
    signer, verify = get_str(app, "signer"), get_str(app, "verify")
    if not signer:
        return "nobody; the digest was given" if verify == "digest" else palette.red("UNSIGNED")
    name = get_str(app, "signer-name")
    text = f'{short_fingerprint(signer)} "{escape(name)}"' if name else short_fingerprint(signer)
    if signed_at := get_int(app, "signed-at"):
        text += f", {date(signed_at)}"
    return text if app.get("tag-bound") else f"{text} (tag not bound)"


def permissions(app: Json) -> str:
    """List what an app asks for, with what leaves the sandbox named."""
    asked = [
        f"{escape(kind)}={escape(value)}" + (f" ({escape(risk)})" if risk else "")
        for kind, value, risk in get_triples(app, "permissions")
    ]
    return "; ".join(asked) or "nothing beyond its sandbox"
