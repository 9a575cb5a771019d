# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What is said in the same words in several places: who signed an app, what it may use, what protects it.

Who somebody is, too. All of it escaped.
"""

import pwd

from appctl.talk.wire import Json, get_int, get_str, get_triples
from appctl.terminal.show import Palette, date, escape, short_fingerprint
from appctl.terminal.wishes import wishes

LEAVES = "leaves the sandbox"  # the risk, as the daemon says it


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
    """List what an app asks for."""
    return "; ".join(_wishes(app)) or "nothing beyond its sandbox"


def leaving(app: Json) -> str:
    """List what of it leaves the sandbox; empty when nothing does."""
    return "; ".join(_wishes(app, LEAVES))


def _wishes(app: Json, with_risk: str = "") -> list[str]:
    asked = get_triples(app, "permissions")
    return wishes((kind, value) for kind, value, risk in asked if with_risk in {"", risk})


def rollback_protection(app: Json) -> str:
    """Say by what the order of an app's images is told."""
    told = {"created": "by the date in the image", "signature": "by the date of the signature"}
    return told.get(get_str(app, "order-by"), "superseded images only")


def freeze_protection(app: Json) -> str:
    """Say how old a signature of its remote may be."""
    age = get_int(app, "max-age")
    return f"no signature older than {duration(age)}" if age else "none"


def user(uid: int) -> str:
    """Return the user's name, or the number of one who is gone."""
    try:
        return escape(pwd.getpwuid(uid).pw_name)
    except (KeyError, OverflowError):
        return str(uid)


def duration(seconds: int) -> str:
    """Say how long, in the largest unit that has no rest: 30 days, 36 hours, 90 minutes."""
    for unit, name in ((86_400, "days"), (3600, "hours")):
        if seconds % unit == 0:
            return f"{seconds // unit} {name}"
    return f"{seconds // 60} minutes"
