# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A whole catalogue: its components, each ID once. What lint tells a publisher, and what the store takes.

Pure. One component that is not in order refuses the whole: a list is signed as a whole, and nobody is to
believe that an app is not listed because its publisher erred somewhere else.
"""

from appctld.errors import BadManifest
from appctld.workers.store.catalog.component import Component, Rules, read_component
from appctld.workers.store.catalog.components import cut

SIZES = ("64x64", "128x128", "64x64@2")
"""Of icons, by the name of their directory."""
XML_PATH = "usr/share/swcatalog/xml/catalog.xml"
ICONS_PATH = "usr/share/swcatalog/icons"


def metainfo_of(app_id: str) -> list[str]:
    """Where an app's own metainfo may lie below share/, the best place first."""
    directories = ("metainfo/{}.metainfo.xml", "metainfo/{}.appdata.xml", "appdata/{}.appdata.xml")
    return [path.format(app_id) for path in directories]


def read_catalog(data: bytes, rules: Rules) -> list[Component]:
    """All components, in the order of their IDs. Raises BadManifest, LimitExceeded, Conflict."""
    found: dict[str, Component] = {}
    for component in (read_component(one, rules) for one in cut(data)):
        app_id = component.entry.id
        if app_id in found:
            raise BadManifest(f"the catalogue lists {app_id} twice")
        found[app_id] = component
    return [found[app_id] for app_id in sorted(found)]
