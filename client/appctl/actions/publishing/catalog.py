# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl publish --catalog`: from the images of a publisher to the list of them that people search in.

The work is done by a program of the caller's own; the daemon is not asked. What is asked of it, and what it
answers, stands with the program (daemon/appctld/workers/export/catalog/catalog.py).
"""

from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path

from appctl.actions.publishing.asked import published, signing, source_date, tell
from appctl.caller_files import read_regular
from appctl.context import Context
from appctl.exits import ExitCode
from appctl.failure import usage
from appctl.programs.destinations import destination, named
from appctl.programs.images import FORMS, image_places
from appctl.talk.wire import Json, get_int, get_objects, get_strings
from appctl.terminal.show import escape, size

LIST_BYTES = 1 << 20  # 10,000 references of a hundred characters
_ELSEWHERE: Mapping[str, object] = {
    "repo": None, "form": "ostree", "chunked": None, "label": [], "entrypoint": None, "arch": "",
    "release": "", "owner": "0:0",
}  # fmt: skip
"""Options of an image that has files of its own, and what they are where nobody gave them."""


def publish_catalog(context: Context) -> int:
    """Publish it, and say what is not as its apps may want to be seen. Raises Failure."""
    result = published(context, _request(context))
    apps = len(get_objects(result, "apps"))
    tell(context, result, f"{apps} {'app' if apps == 1 else 'apps'}, {size(get_int(result, 'size'))}")
    context.remark(*map(escape, get_strings(result, "remarks")))
    return ExitCode.DONE


def _request(context: Context) -> Json:
    options = context.options
    _refuse_what_means_nothing(options)
    to = destination(context, options.to)
    name = options.named or named(to)
    return {
        "op": "catalog",
        "fds": {},
        **image_places(context, _images(options)),
        "to": to,
        "name": name,
        "timestamp": source_date(),
        "sign": signing(options, name),
    }


def _images(options: Namespace) -> list[str]:
    """Those of the command line and of the list, each once. Raises Failure."""
    listed = _lines(Path(options.catalog)) if options.catalog else []
    found = list(dict.fromkeys([*options.source, *listed]))
    for text in options.source:
        if ":" not in text and Path(text).is_file():
            raise usage(f"{text} is no image", f"--catalog={text}    (a file that lists images)")
    if not found:
        raise usage("a catalogue is made of images, and none is named", FORMS)
    return found


def _lines(path: Path) -> list[str]:
    try:
        text = read_regular(path, LIST_BYTES).decode()
    except UnicodeDecodeError as error:
        raise usage(f"{path} is no list of images", "one a line; # begins a comment") from error
    stripped = (line.partition("#")[0].strip() for line in text.splitlines())
    return [line for line in stripped if line]


def _refuse_what_means_nothing(options: Namespace) -> None:
    if any(getattr(options, name) != unset for name, unset in _ELSEWHERE.items()):
        raise usage("a catalogue has no files of its own, and no form", "appctl publish --help")
