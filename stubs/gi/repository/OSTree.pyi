# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""libostree, exactly the calls that store, pull and publish use.

No `*_trusted` call and no TRUSTED_HTTP is here, and none may come: each takes an object's name on faith
(docs/rules.md, R3).
"""

import enum

from . import Gio, GLib

class ObjectType(enum.IntEnum):
    FILE = 1
    DIR_TREE = 2
    DIR_META = 3
    COMMIT = 4

class RepoMode(enum.IntEnum):
    BARE = 0
    ARCHIVE = 1
    BARE_USER = 2

class RepoLockType(enum.IntEnum):
    SHARED = 0
    EXCLUSIVE = 1

class RepoListRefsExtFlags(enum.IntFlag):
    NONE = 0

class RepoPullFlags(enum.IntFlag):
    COMMIT_ONLY = 2
    UNTRUSTED = 4

class AsyncProgress: ...

class RepoTransactionStats: ...

class RepoPruneFlags(enum.IntFlag):
    NONE = 0
    NO_PRUNE = 1
    REFS_ONLY = 2

class RepoCheckoutMode(enum.IntEnum):
    NONE = 0
    USER = 1

class RepoCheckoutOverwriteMode(enum.IntEnum):
    NONE = 0

class RepoCheckoutAtOptions:
    mode: RepoCheckoutMode
    overwrite_mode: RepoCheckoutOverwriteMode
    no_copy_fallback: bool
    def __init__(self) -> None: ...

class RepoFile:
    def tree_get_contents_checksum(self) -> str: ...
    def tree_get_metadata_checksum(self) -> str: ...

# the tests' oracle:
class MutableTree: ...

class RepoCommitModifierFlags(enum.IntFlag):
    CANONICAL_PERMISSIONS = 4

class RepoCommitModifier:
    @staticmethod
    def new(flags: RepoCommitModifierFlags, commit_filter: None, destroy_notify: None) -> RepoCommitModifier: ...

class Repo:
    @staticmethod
    def create_at(
        dfd: int, path: str, mode: RepoMode, options: GLib.Variant | None, cancellable: Gio.Cancellable | None
    ) -> Repo: ...
    @staticmethod
    def open_at(dfd: int, path: str, cancellable: Gio.Cancellable | None) -> Repo: ...
    @staticmethod
    def mode_from_string(mode: str) -> tuple[bool, RepoMode]: ...
    def get_mode(self) -> RepoMode: ...
    def get_dfd(self) -> int: ...
    def copy_config(self) -> GLib.KeyFile: ...
    def write_config(self, config: GLib.KeyFile) -> bool: ...
    def get_min_free_space_bytes(self) -> tuple[bool, int]: ...
    def lock_push(self, lock_type: RepoLockType, cancellable: Gio.Cancellable | None) -> bool: ...
    def lock_pop(self, lock_type: RepoLockType, cancellable: Gio.Cancellable | None) -> bool: ...
    def prepare_transaction(self, cancellable: Gio.Cancellable | None) -> tuple[bool, bool]: ...
    def commit_transaction(self, cancellable: Gio.Cancellable | None) -> tuple[bool, RepoTransactionStats]: ...
    def abort_transaction(self, cancellable: Gio.Cancellable | None) -> bool: ...
    def write_content(
        self,
        expected_checksum: None,
        object_input: Gio.InputStream,
        length: int,
        cancellable: Gio.Cancellable | None,
    ) -> tuple[bool, bytes]: ...
    def write_metadata(
        self,
        objtype: ObjectType,
        expected_checksum: None,
        object: GLib.Variant,
        cancellable: Gio.Cancellable | None,
    ) -> tuple[bool, bytes]: ...
    def set_ref_immediate(
        self, remote: str | None, ref: str, checksum: str | None, cancellable: Gio.Cancellable | None
    ) -> bool: ...
    def pull_with_options(
        self,
        remote_name_or_baseurl: str,
        options: GLib.Variant,
        progress: AsyncProgress | None,
        cancellable: Gio.Cancellable | None,
    ) -> bool: ...
    # the tests' oracle:
    def write_directory_to_mtree(
        self,
        dir: Gio.File,
        mtree: MutableTree,
        modifier: RepoCommitModifier | None,
        cancellable: Gio.Cancellable | None,
    ) -> bool: ...
    def write_mtree(
        self, mtree: MutableTree, cancellable: Gio.Cancellable | None
    ) -> tuple[bool, RepoFile]: ...
    def resolve_rev(self, refspec: str, allow_noent: bool) -> tuple[bool, str | None]: ...
    def read_commit_detached_metadata(
        self, checksum: str, cancellable: Gio.Cancellable | None
    ) -> tuple[bool, GLib.Variant | None]: ...
    def load_variant(self, objtype: ObjectType, sha256: str) -> tuple[bool, GLib.Variant]: ...
    def load_file(
        self, checksum: str, cancellable: Gio.Cancellable | None
    ) -> tuple[bool, Gio.InputStream | None, Gio.FileInfo, GLib.Variant]: ...
    def checkout_at(
        self,
        options: RepoCheckoutAtOptions,
        destination_dfd: int,
        destination_path: str,
        commit: str,
        cancellable: Gio.Cancellable | None,
    ) -> bool: ...
    def prune(
        self, flags: RepoPruneFlags, depth: int, cancellable: Gio.Cancellable | None
    ) -> tuple[bool, int, int, int]: ...
    def delete_object(self, objtype: ObjectType, sha256: str, cancellable: Gio.Cancellable | None) -> bool: ...
    def fsck_object(self, objtype: ObjectType, sha256: str, cancellable: Gio.Cancellable | None) -> bool: ...
    def list_refs(
        self, refspec_prefix: str | None, cancellable: Gio.Cancellable | None
    ) -> tuple[bool, dict[str, str]]: ...
    def traverse_commit(
        self, commit_checksum: str, maxdepth: int, cancellable: Gio.Cancellable | None
    ) -> tuple[bool, set[GLib.Variant]]: ...
    def list_refs_ext(
        self, refspec_prefix: str | None, flags: RepoListRefsExtFlags, cancellable: Gio.Cancellable | None
    ) -> tuple[bool, dict[str, str]]: ...

def checksum_file_from_input(
    file_info: Gio.FileInfo,
    xattrs: GLib.Variant | None,
    input: Gio.InputStream | None,
    objtype: ObjectType,
    cancellable: Gio.Cancellable | None,
) -> tuple[bool, bytes]: ...
