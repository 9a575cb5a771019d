# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What an installed app's image said, which its commit keeps: how it starts, and what it is called.

Guarantees: pure; only what means the same in another image is taken. Labels that say how an image is to be
read, or which commit is in it, were about the image that it came in.
"""

from appctld.errors import RepoCorrupt
from appctld.model.image import CONFIG_BYTES
from appctld.model.jsonvalue import JsonError, JsonObject, get_object, get_string_map, parse_object

KEY = "ostree.container.image-config"
_KEPT = ("Entrypoint", "Cmd", "Env", "WorkingDir")
_OF_THAT_IMAGE = ("ostree.", "containers.", "org.flatpak.")


def run_of(config: str) -> JsonObject:
    """The `config` of an image config, as another image may have it. Raises RepoCorrupt."""
    try:
        found = get_object(parse_object(config.encode(), CONFIG_BYTES), "config", {})
        labels = get_string_map(found, "Labels", {})
    except JsonError as error:
        raise RepoCorrupt("a commit that was made here, with an image config that cannot be read") from error
    kept = {key: value for key, value in labels.items() if not key.startswith(_OF_THAT_IMAGE)}
    return {**{key: found[key] for key in _KEPT if found.get(key)}, "Labels": dict(kept)}
