# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""One commit's layer, and ways to change it: what a test sends to the store must be refused for one reason.

refused(repo, UnsafeArchive, lambda: send_commit(repo, tar_of(less(FILE_AT)), MADE.commit))
"""

import hashlib
from typing import Unpack

from appctld.workers.store.ostree.tree import serialize_xattrs
from support.layers.ostree_layers import REPO, File, Part, Published, changed, loose, named, obj
from support.layers.tarball import Fields
from support.repositories.ostree_store import TREE

MADE, OTHER = Published(TREE), Published({"other": File(b"other")})
LAYER = MADE.layer()
XATTRS = (b"user.a", b"2"), (b"user.b", b"1")
SUID = next(name for name, (head, _) in MADE.files.items() if head.mode & 0o4000)
WITH = next(name for name, (head, _) in MADE.files.items() if head.xattrs)
META = next(iter(MADE.metadata["dirmeta"]))
NOTHING, SHARED = (hashlib.sha256(data).hexdigest() for data in (b"", serialize_xattrs(XATTRS)))
COMMIT_AT, DETACHED_AT = (loose(MADE.commit, suffix) for suffix in ("commit", "commitmeta"))
TREE_AT, META_AT = loose(MADE.root, "dirtree"), loose(META, "dirmeta")
FILE_AT, LINK_AT = loose(SUID, "file"), loose(SUID, "file-xattrs-link")
FILE, CONFIG = (FILE_AT, dict(LAYER)[FILE_AT]), ("config", dict(LAYER)["config"])


def less(*labels: str) -> list[Part]:
    return [part for part in LAYER if part[0] not in labels]


def more(*parts: Part) -> list[Part]:
    return [*LAYER, *parts]


def instead(label: str, *parts: Part) -> list[Part]:
    return changed(LAYER, label, *parts)


def swapped(first: str, second: str) -> list[Part]:
    found = dict(LAYER)
    order = {first: second, second: first}
    return [(order.get(label, label), found[order.get(label, label)]) for label, _ in LAYER]


def suid(content: bytes = b"3", kind: bytes = b"0", **fields: Unpack[Fields]) -> Part:
    return obj(SUID, "file", content, kind, **fields)


def link(to: str, suffix: str = "file-xattrs-link") -> Part:
    return obj(SUID, suffix, kind=b"1", link=to.encode())


def at(path: str, kind: bytes = b"0", content: bytes = b"", to: str = "") -> Part:
    return path, named(path, kind, content, link=to.encode())


def inside(path: str, kind: bytes = b"0", content: bytes = b"") -> Part:
    return at(f"{REPO}/{path}", kind, content)
