# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Which image of an app somebody went back from: background updates leave it alone until another appears.

A comfort, not a guard: a file that cannot be read skips nothing.
"""

import json
from collections.abc import Iterable, Mapping

from appctld.errors import BadManifest
from appctld.model.digest import Digest
from appctld.model.jsonvalue import JsonError, get_str, parse_object
from appctld.state.paths import Paths
from appctld.system.durable import write_file

FILE_BYTES = 4 << 20  # some 200 bytes an app


def skipped(paths: Paths) -> dict[str, Digest]:
    """The skipped image of each app that has one, by ID."""
    try:
        obj = parse_object(paths.skipped.read_bytes(), FILE_BYTES)
        return {app_id: Digest.parse(get_str(obj, app_id)) for app_id in obj}
    except (OSError, JsonError, BadManifest):
        return {}


def skip(paths: Paths, app_id: str, digest: Digest) -> None:
    """Leave this image of this app alone."""
    _write(paths, {**skipped(paths), app_id: digest})


def forget_skipped(paths: Paths, ids: Iterable[str]) -> None:
    """Skip nothing of these apps any more."""
    found = skipped(paths)
    left = {app_id: digest for app_id, digest in found.items() if app_id not in set(ids)}
    if left != found:
        _write(paths, left)


def _write(paths: Paths, digests: Mapping[str, Digest]) -> None:
    plain = {app_id: str(digest) for app_id, digest in sorted(digests.items())}
    write_file(paths.skipped, json.dumps(plain).encode())
