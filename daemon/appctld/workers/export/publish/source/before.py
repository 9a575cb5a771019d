# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What an installed app's image said, which its commit keeps: how it starts, and what it is called.

Guarantees: pure; only what means the same in another image is taken. Labels that say how an image is to be
read, or which commit is in it, were about the image that it came in; flatpak's go into flatpak's form alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from appctld.errors import RepoCorrupt
from appctld.model.image import CONFIG_BYTES
from appctld.model.jsonvalue import JsonError, JsonObject, get_object, get_string_map, parse_object

KEY = "ostree.container.image-config"
_KEPT = ("Entrypoint", "Cmd", "Env", "WorkingDir")
_FLATPAK = "org.flatpak."
_OF_THAT_IMAGE = ("ostree.", "containers.", _FLATPAK)


@dataclass(frozen=True)
class Before:
    """`run` is how it starts, in an image config's words; `flatpak` are the labels that flatpak reads."""

    run: JsonObject = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    flatpak: Mapping[str, str] = field(default_factory=dict)


def read_before(config: str) -> Before:
    """What an image config said. Raises RepoCorrupt."""
    try:
        found = get_object(parse_object(config.encode(), CONFIG_BYTES), "config", {})
        labels = get_string_map(found, "Labels", {})
    except JsonError as error:
        raise RepoCorrupt("a commit that was made here, with an image config that cannot be read") from error
    return Before(
        {key: found[key] for key in _KEPT if found.get(key)},
        {key: value for key, value in labels.items() if not key.startswith(_OF_THAT_IMAGE)},
        {key: value for key, value in labels.items() if key.startswith(_FLATPAK)},
    )
