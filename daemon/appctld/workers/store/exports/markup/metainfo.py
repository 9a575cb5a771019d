# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Metainfo (AppStream 1.0, "Upstream Metadata"): what a software centre shows of an app.

Guarantees: one component, which is the app; elements are those of `_component`. It takes no other component's
place (no merge, priority, replaces, extends, provided IDs), starts only desktop files that are exported too,
and names only what is fetched by https from a named host: a software centre that shows a screenshot tells its
publisher so.
"""

from appctld.workers.store.exports.desktop.keys import MIME_TYPE
from appctld.workers.store.exports.exporter import Emitted, Exporter, Refused
from appctld.workers.store.exports.markup.allowed import (
    Allowed,
    Check,
    kept,
    language,
    line,
    matching,
    one_of,
    within,
)
from appctld.workers.store.exports.markup.document import Element, read, write
from appctld.workers.store.exports.names import Place, owns, owns_icon

_TYPES = {"desktop": "desktop-application"} | {
    kind: kind for kind in ("desktop-application", "console-application")
}
_TRANSLATED = {"xml:lang": language}
_TYPED = frozenset({"type"})
_URLS = (
    "homepage", "bugtracker", "faq", "help", "donation", "translate", "contact", "vcs-browser", "contribute",
)  # fmt: skip
_PIXELS = matching(r"[1-9][0-9]{0,4}")
_DATE = matching(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9:]{5,8}(?:Z|[+-][0-9:]{2,5})?)?")


def url(text: str) -> str | None:
    """An address by https, of a host with a name, without a user."""
    return _URL(text)


_URL = matching(
    r"https://(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z][A-Za-z0-9-]{1,62}(?::[0-9]{1,5})?(?:[/?#][!#-;=?-\[\]-_a-z~]{0,2000})?"
)


def emit_metainfo(_place: Place, data: bytes, app: Exporter) -> Emitted:
    """The component. Raises Refused."""
    root = read(data)
    kind = _TYPES.get(root.attributes.get("type", ""))
    if root.name != "component" or kind is None:
        raise Refused("it is no component of type desktop-application or console-application")
    ids = [found.text.strip() for found in root.elements("id")]
    if ids not in ([app.id], [f"{app.id}.desktop"]):
        raise Refused(f"its id is not {app.id}")
    dropped: list[str] = []
    found = kept(
        Element(root.name, root.attributes | {"type": kind}, root.children), _component(app), dropped
    )
    if found is None or not any(name.children and not name.attributes for name in found.elements("name")):
        raise Refused("it has no name that can be shown")
    return Emitted(write(found), tuple(dropped))


def _component(app: Exporter) -> Allowed:
    license_ = Allowed(matching(r"[A-Za-z0-9 .+():/=_-]{1,512}"))
    name = Allowed(line, _TRANSLATED)
    relations = _relations()
    return Allowed(
        attributes={"type": one_of(*_TYPES.values())},
        children={
            "id": Allowed(within({app.id, f"{app.id}.desktop"})),
            "name": name,
            "name_variant_suffix": name,
            "summary": name,
            "description": _description(),
            "metadata_license": license_,
            "project_license": license_,
            "project_group": Allowed(line),
            "developer": Allowed(None, {"id": matching(r"[A-Za-z0-9._-]{1,255}")}, {"name": name}),
            "developer_name": name,
            "url": Allowed(url, {"type": one_of(*_URLS)}, needs=_TYPED),
            "categories": Allowed(children={"category": Allowed(matching(r"(?!X-)[A-Za-z0-9-]{1,64}"))}),
            "keywords": Allowed(None, _TRANSLATED, {"keyword": name}),
            "launchable": Allowed(_desktop_file(app), {"type": one_of("desktop-id")}, needs=_TYPED),
            "icon": Allowed(_own_icon(app), {"type": one_of("stock")}, needs=_TYPED),
            "screenshots": _screenshots(),
            "releases": _releases(),
            "content_rating": _content_rating(),
            "branding": _branding(),
            "provides": _provides(app),
            "languages": _languages(),
            "requires": relations,
            "recommends": relations,
            "supports": relations,
        },
    )


def _description() -> Allowed:
    word = Allowed(mixed=True)
    running = Allowed(None, _TRANSLATED, {"em": word, "code": word}, mixed=True)
    items = Allowed(None, _TRANSLATED, {"li": running})
    return Allowed(None, _TRANSLATED, {"p": running, "ul": items, "ol": items})


def _screenshots() -> Allowed:
    image = Allowed(
        url,
        {"type": one_of("source", "thumbnail"), "width": _PIXELS, "height": _PIXELS, "scale": _PIXELS}
        | _TRANSLATED,
    )
    screenshot = Allowed(
        None,
        {"type": one_of("default"), "environment": matching(r"[a-z0-9:-]{1,64}")},
        {"caption": Allowed(line, _TRANSLATED), "image": image},
    )
    return Allowed(children={"screenshot": screenshot})


def _releases() -> Allowed:
    issue = Allowed(line, {"type": one_of("generic", "cve"), "url": url})
    release = Allowed(
        None,
        {
            "version": matching(r"[A-Za-z0-9.+~:_-]{1,64}"),
            "date": _DATE,
            "date_eol": _DATE,
            "timestamp": matching(r"[0-9]{1,12}"),
            "type": one_of("stable", "development", "snapshot"),
            "urgency": one_of("low", "medium", "high", "critical"),
        },
        {
            "description": _description(),
            "url": Allowed(url, {"type": one_of("details")}),
            "issues": Allowed(children={"issue": issue}),
        },
        needs=frozenset({"version"}),
    )
    return Allowed(children={"release": release})


def _content_rating() -> Allowed:
    degree = one_of("none", "mild", "moderate", "intense")
    attribute = Allowed(degree, {"id": matching(r"[a-z]+(?:-[a-z]+)*")}, needs=frozenset({"id"}))
    return Allowed(
        None, {"type": one_of("oars-1.0", "oars-1.1")}, {"content_attribute": attribute}, needs=_TYPED
    )


def _branding() -> Allowed:
    color = Allowed(
        matching(r"#[0-9A-Fa-f]{6}"),
        {"type": one_of("primary"), "scheme_preference": one_of("light", "dark")},
        needs=_TYPED,
    )
    return Allowed(children={"color": color})


def _provides(app: Exporter) -> Allowed:
    """Its own names and its types; another component's ID would take that one's place."""
    dbus: Check = lambda name: name if owns(app.id, name) else None  # noqa: E731 - a check, as the others
    return Allowed(
        children={
            "mediatype": Allowed(lambda text: text if MIME_TYPE.fullmatch(text) else None),
            "binary": Allowed(matching(r"[A-Za-z0-9._+-]{1,255}")),
            "dbus": Allowed(dbus, {"type": one_of("user")}, needs=_TYPED),
        }
    )


def _languages() -> Allowed:
    return Allowed(children={"lang": Allowed(language, {"percentage": matching(r"[0-9]{1,3}")})})


def _relations() -> Allowed:
    compare = one_of("lt", "gt", "le", "ge", "eq", "ne")
    devices = (
        "pointing",
        "keyboard",
        "console",
        "touch",
        "tablet",
        "gamepad",
        "tv-remote",
        "voice",
        "vision",
    )
    length = Allowed(matching(r"[0-9]{1,5}|xsmall|small|medium|large|xlarge"), {"compare": compare})
    internet = one_of("always", "offline-only", "first-run")
    return Allowed(
        children={
            "control": Allowed(one_of(*devices)),
            "display_length": length,
            "internet": Allowed(internet, {"bandwidth_mbitps": matching(r"[0-9]{1,6}")}),
            "memory": Allowed(matching(r"[0-9]{1,7}"), {"compare": compare}),
        }
    )


def _desktop_file(app: Exporter) -> Check:
    """One that is exported too, where that is known; one of the app's own at least."""

    def check(text: str) -> str | None:
        name = text.removesuffix(".desktop")
        exported = owns(app.id, name) if app.desktops is None else name in app.desktops
        return text if exported and name != text else None

    return check


def _own_icon(app: Exporter) -> Check:
    return lambda name: name if owns_icon(app.id, name) else None
