# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a stored commit says about itself, for checking records against it and for making new ones.

The store gives only what hashes to its name. That anybody signed it is not said here: who repairs asks the
registry, and the remote's keys, again.
"""

import os
from dataclasses import dataclass

from appctld.errors import Failed
from appctld.model.image import CONFIG_BYTES
from appctld.model.jsonvalue import get_list, get_object, get_string_map, get_strings
from appctld.model.manifest import MANIFEST_BYTES
from appctld.pipeline.answers import understood
from appctld.pipeline.parallel import two_ends
from appctld.pipeline.tools import Tools
from appctld.system.pipes import collect


@dataclass(frozen=True, slots=True)
class Recalled:
    """`texts` and `lists` are the commit's metadata; `files` are the texts of the tree's own metadata files.

    `manifest` and `config` are empty for a commit that is no image's.
    """

    texts: dict[str, str]
    lists: dict[str, list[str]]
    manifest: bytes
    config: bytes
    files: dict[str, str]


async def recall(commit: str, tools: Tools) -> Recalled:
    """Ask the store. Raises RepoCorrupt."""
    reading, writing = os.pipe()
    answer, data = await two_ends(
        tools.store({"op": "recall", "commit": commit}, fds={"out": writing}),
        collect(reading, MANIFEST_BYTES + CONFIG_BYTES),
    )
    with understood("store"):
        sizes = [size for size in get_list(answer, "sizes") if isinstance(size, int)]
        lists = get_object(answer, "lists")
        recalled = Recalled(
            texts=get_string_map(answer, "texts"),
            lists={key: get_strings(lists, key) for key in lists},
            manifest=data[: sizes[0]] if sizes else b"",
            config=data[sizes[0] :] if sizes else b"",
            files=get_string_map(answer, "files"),
        )
    if sum(sizes) != len(data):
        raise Failed("the store's answer and its documents do not fit together")
    return recalled
