# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
# The calls of python3-seccomp (libseccomp's own binding) that the client uses, and no others.
from typing import IO

ALLOW: int
EQ: int
NE: int
GE: int
MASKED_EQ: int

def ERRNO(errno: int) -> int: ...

class Arg:
    def __init__(self, arg: int, op: int, datum_a: int, datum_b: int = 0) -> None: ...

class Arch:
    X86: int
    ARM: int

class SyscallFilter:
    def __init__(self, defaction: int) -> None: ...
    def add_arch(self, arch: int) -> None: ...
    def add_rule(self, action: int, syscall: str | int, *args: Arg) -> None: ...
    def export_bpf(self, file: IO[bytes]) -> None: ...
