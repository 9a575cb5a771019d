# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Layers and trees as short lines of text, so that tests of merging are tables that people can read.

    "usr/"               a directory, 0755            "usr/ 0700"          of another mode
    "usr/a = text"       a file, 0644                 "usr/a 0755 = text"  of another mode
    "bin -> usr/bin"     a symlink                    "usr/.wh.a"          an empty file (a whiteout)
    "./ 0700"            the root itself; without such a line it is implicit

A layer is a sequence of lines in the tar's order; a listing is sorted, every directory stands in it, the root
too. Listings come from a commit (`listing`) or from a directory (`listing_of_directory`).
"""

import io
import json
import os
import re
import stat
import subprocess
import tarfile
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path

from appctld.model.jsonvalue import JsonObject
from appctld.workers.store.layer import import_layer
from appctld.workers.store.ostree.kinds import Kind
from appctld.workers.store.ostree.repository import Repository

_LINE = re.compile(r"(?P<path>\S+)(?: (?P<mode>0\d+))?(?: = (?P<content>.*)| -> (?P<target>\S*))?", re.DOTALL)


def tar(lines: Iterable[str]) -> bytes:
    """The archive of one layer."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for line in lines:
            member, content = _member(line)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _member(line: str) -> tuple[tarfile.TarInfo, bytes]:
    found = _LINE.fullmatch(line)
    assert found, line
    member = tarfile.TarInfo(found["path"].rstrip("/") or ".")
    content = (found["content"] or "").encode()
    if found["target"] is not None:
        member.type, member.linkname, member.mode = tarfile.SYMTYPE, found["target"], 0o777
    elif found["path"].endswith("/"):
        member.type, member.mode = tarfile.DIRTYPE, int(found["mode"] or "0755", 8)
    else:
        member.size, member.mode = len(content), int(found["mode"] or "0644", 8)
    return member, content


def commit_layer(repository: Path, lines: Iterable[str], remote: str = "acme") -> str:
    """Import a layer as the daemon would; its layer commit."""
    data = tar(lines)
    diff_id = sha256(data).hexdigest()
    with (repository.parent / "layer.tar").open("w+b") as file:
        file.write(data)
        file.seek(0)
        request: JsonObject = {
            "repo": str(repository),
            "tar_split": str(repository.parent / "tar-split"),
            "diff_id": f"sha256:{diff_id}",
            "max_bytes": len(data),
            "strict": False,
            "ref": f"appctl/layer/{remote}/{diff_id}",
            "fds": {"tar": os.dup(file.fileno())},
        }
        result = import_layer(request, lambda _facts: None)
    return str(result["commit"])


def listing(repository: Path, commit: str) -> list[str]:
    """Every path of a commit, with the modes that stand in it."""
    opened = Repository.open(repository)
    root = opened.commit(commit)
    lines = [_directory_line("", opened.meta(root.meta).mode)]
    waiting = [("", root.tree)]
    while waiting:
        path, tree = waiting.pop()
        here = opened.tree(tree)
        lines += [_object_line(opened, path + name, content) for name, content in here.files.items()]
        lines += [
            _directory_line(path + name, opened.meta(meta).mode) for name, (_, meta) in here.dirs.items()
        ]
        waiting += [(f"{path}{name}/", below) for name, (below, _) in here.dirs.items()]
    return sorted(lines)


def _object_line(repository: Repository, path: str, content: str) -> str:
    repository.verify(Kind.FILE, content)
    _, stream, info, _ = repository.library.load_file(content, None)
    if stream is None:
        return f"{path} -> {info.get_symlink_target()}"
    data = stream.read_bytes(1 << 20, None).get_data() or b""
    return _file_line(path, info.get_attribute_uint32("unix::mode"), data)


def listing_of_directory(directory: Path) -> list[str]:
    """Every path below a directory, with the modes on the disk."""
    lines = [_directory_line("", directory.stat().st_mode)]
    for found in directory.rglob("*"):
        path, mode = str(found.relative_to(directory)), found.lstat().st_mode
        if stat.S_ISLNK(mode):
            lines.append(f"{path} -> {os.readlink(found)}")  # noqa: PTH115 - pathlib tidies targets up
        elif stat.S_ISDIR(mode):
            lines.append(_directory_line(path, mode))
        else:
            lines.append(_file_line(path, mode, found.read_bytes()))
    return sorted(lines)


def _directory_line(path: str, mode: int) -> str:
    return f"{path or '.'}/" + _mode(mode, 0o755)


def _file_line(path: str, mode: int, content: bytes) -> str:
    return path + _mode(mode, 0o644) + (f" = {content.decode()}" if content else "")


def _mode(mode: int, usual: int) -> str:
    return "" if stat.S_IMODE(mode) == usual else f" {stat.S_IMODE(mode):04o}"


def unpacked_by_umoci(directory: Path, layers: Sequence[Iterable[str]]) -> Path | None:
    """Let `umoci unpack` merge the same layers; the root it made, or None where it gave up."""
    layout = directory / "layout"
    blobs = layout / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    tars = [tar(lines) for lines in layers]
    diff_ids = [f"sha256:{sha256(data).hexdigest()}" for data in tars]
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    }
    manifest = {
        "schemaVersion": 2,
        "config": _blob(blobs, _json(config), "config.v1+json"),
        "layers": [_blob(blobs, data, "layer.v1.tar") for data in tars],
    }
    entry = _blob(blobs, _json(manifest), "manifest.v1+json")
    index = {
        "schemaVersion": 2,
        "manifests": [{**entry, "annotations": {"org.opencontainers.image.ref.name": "x"}}],
    }
    (layout / "index.json").write_bytes(_json(index))
    (layout / "oci-layout").write_bytes(_json({"imageLayoutVersion": "1.0.0"}))
    command = ["umoci", "unpack", "--rootless", "--image", f"{layout}:x", str(directory / "bundle")]
    done = subprocess.run(command, check=False, capture_output=True, umask=0o022)
    return directory / "bundle" / "rootfs" if done.returncode == 0 else None


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _blob(blobs: Path, data: bytes, kind: str) -> dict[str, object]:
    digest = sha256(data).hexdigest()
    (blobs / digest).write_bytes(data)
    return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": f"sha256:{digest}", "size": len(data)}
