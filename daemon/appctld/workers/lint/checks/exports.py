# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What desktops read of an app: what an installation makes of it, and what the desktop's own validators say.

Guarantees: a file is refused, or loses something, here as it does at an installation (store/exports); of file
types those count as the host's that this machine has. The validators see the file and no network; one that is
not there, or cannot be shut in, is said and not run.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from appctld.errors import AppctlError
from appctld.model.appid import id_of_reference
from appctld.workers.images.image import SHARES, Image, share_of
from appctld.workers.images.validators import DESKTOP, METAINFO, ask, missing
from appctld.workers.lint.findings import Findings
from appctld.workers.store.archive.entry import Type
from appctld.workers.store.exports.emit import Exporter, Refused, emit_all, wanted
from appctld.workers.store.exports.icons.png import picture
from appctld.workers.store.exports.names import DIRECTORIES
from appctld.workers.store.farm.host import taken

STARTER = ("/usr/bin/appctl", "--system", "run")
HOST = (Path("/usr/local/share"), Path("/usr/share"))
_ICONS = "icons/hicolor/"
_READ_BY_NAME = ("applications/", "metainfo/", _ICONS)  # where publishers put what they mean to be seen
_ENDINGS = (".desktop", ".xml", ".png", ".svg", ".svgz")
VALIDATORS = (
    ("applications/", DESKTOP, "desktop-invalid"),
    ("metainfo/", METAINFO, "metainfo-invalid"),
    ("appdata/", METAINFO, "metainfo-invalid"),
)


def check_exports(image: Image, found: Findings) -> None:
    """Look at all that an installation would look at."""
    share = _share(image)
    if not share:
        return
    app_id = image.id or (id_of_reference(image.reference) if image.reference else "")
    contents = _contents(image, [*_candidates(image, share, app_id, found)], share, found)
    _emitted(contents, app_id, share, found)
    for path, data in contents.items():
        for directory, command, code in VALIDATORS:
            if path.startswith(directory):
                _validate(command, code, f"{share}/{path}", data, found)
    desktops = [path for path in contents if path.startswith("applications/")]
    if desktops and not any(path.startswith(_ICONS) for path in contents):
        found.add(
            "no-icon", f"{share}/{desktops[0]}", f"a desktop file, and no icon of the app's below {_ICONS}"
        )


def _share(image: Image) -> str:
    try:
        return share_of(image)
    except AppctlError:  # which is said of its labels
        return SHARES[0]


def _candidates(image: Image, share: str, app_id: str, found: Findings) -> Iterator[str]:
    """Paths below the directory where an installation looks; what else could be meant is said."""
    for place in SHARES:
        for directory in DIRECTORIES:
            for whole, node in image.tree.below(f"{place}/{directory}"):
                path = whole.removeprefix(f"{place}/")
                if node.entry.type is Type.DIRECTORY:
                    continue
                if not wanted(path, app_id):
                    _not_wanted(whole, path, app_id, found)
                elif place != share:
                    found.add("not-exported", whole, f"of this image only files below {share} are")
                elif node.entry.type is Type.SYMLINK:
                    found.add("export-refused", whole, "it is a symbolic link")
                else:
                    yield path


def _not_wanted(whole: str, path: str, app_id: str, found: Findings) -> None:
    if not path.startswith(_READ_BY_NAME) or not path.endswith(_ENDINGS):
        return
    if not app_id:
        found.add("not-exported", whole, "without an ID nothing is exported")
    elif not path.rpartition("/")[2].startswith(f"{app_id}."):
        found.add("not-exported", whole, f"its name does not begin with {app_id}.")
    else:
        found.add("not-exported", whole, "no such file is looked for in this directory")


def _contents(image: Image, paths: Sequence[str], share: str, found: Findings) -> dict[str, bytes]:
    """The bytes of each; one that has none, or too many, is said."""
    contents = image.contents(f"{share}/{path}" for path in paths)
    for path in paths:
        if f"{share}/{path}" not in contents:
            found.add("export-refused", f"{share}/{path}", "no regular file, or too large for one")
    return {path: contents[whole] for path in paths if (whole := f"{share}/{path}") in contents}


def _emitted(contents: Mapping[str, bytes], app_id: str, share: str, found: Findings) -> None:
    """Say what an installation refuses, and what it leaves out."""
    exports = emit_all(contents, Exporter(app_id, STARTER, taken=taken(HOST)))
    for path, reason in exports.refused.items():
        found.add(_code(path, contents[path]), f"{share}/{path}", reason)
    for path, dropped in exports.dropped.items():
        found.add("export-dropped", f"{share}/{path}", f"an installation leaves out: {', '.join(dropped)}")


def _code(path: str, data: bytes) -> str:
    """A picture that is refused as an icon, and is one, has another size."""
    if not path.startswith(_ICONS):
        return "export-refused"
    try:
        picture(data)
    except Refused:
        return "icon-invalid"
    return "icon-size"


def _validate(command: Sequence[str], code: str, path: str, data: bytes, found: Findings) -> None:
    if absent := missing(command):
        found.add("not-checked", path, f"{absent} is not installed here")
        return
    said = ask(command, path.rpartition("/")[2], data)
    if said is None:
        found.add("not-checked", path, f"{command[0]} could not be run here")
    elif said:
        found.add(code, path, said)
