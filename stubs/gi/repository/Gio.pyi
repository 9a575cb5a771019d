# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Gio: streams that libostree reads, and the codes of its errors."""

import enum

from . import GLib

class Cancellable:
    def cancel(self) -> None: ...

class File:
    @staticmethod
    def new_for_path(path: str) -> File: ...
    def read(self, cancellable: Cancellable | None) -> InputStream: ...

class FileInfo:
    def get_symlink_target(self) -> str | None: ...
    def get_size(self) -> int: ...
    def get_attribute_uint32(self, attribute: str) -> int: ...
    # the tests' oracle:
    def set_attribute_uint32(self, attribute: str, value: int) -> None: ...
    def set_file_type(self, type: FileType) -> None: ...
    def set_size(self, size: int) -> None: ...
    def set_symlink_target(self, target: str) -> None: ...

class FileType(enum.IntEnum):
    REGULAR = 1
    SYMBOLIC_LINK = 3

class InputStream:
    def read_bytes(self, count: int, cancellable: Cancellable | None) -> GLib.Bytes: ...

class MemoryInputStream(InputStream):
    @staticmethod
    def new_from_bytes(bytes: GLib.Bytes) -> MemoryInputStream: ...

class IOErrorEnum(enum.IntEnum):
    FAILED = 0
    NOT_FOUND = 1
    NO_SPACE = 12
    WOULD_BLOCK = 27

def io_error_quark() -> int: ...
