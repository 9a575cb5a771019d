# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The seccomp filter of running apps: equal to flatpak's (common/flatpak-run.c, setup_seccomp), as data.

Without python3-seccomp nothing is run. The filter allows what is not named, as flatpak's does; it keeps an
app from typing into the caller's terminal, from the kernel keyring, from making namespaces and mounts, and
from rare address families. Programs of another architecture than the machine's own are killed. What a feature
that was granted (docs/permissions.md) allows beyond is what it allows in flatpak.
"""

import errno
import os
from collections.abc import Collection
from typing import TYPE_CHECKING

from appctl.running.failed import failed

if TYPE_CHECKING:
    import seccomp

EPERM = (
    "syslog",  # dmesg
    "uselib",
    "acct",
    "quotactl",
    "add_key", "keyctl", "request_key",  # the kernel keyring is not namespaced
    "move_pages", "mbind", "get_mempolicy", "set_mempolicy", "migrate_pages",
    "unshare", "setns", "mount", "umount", "umount2", "pivot_root", "chroot",  # no sandbox inside the sandbox
    "modify_ldt",
    "perf_event_open", "ptrace",
)  # fmt: skip
DEVELOPERS = {"perf_event_open", "ptrace"}  # with the feature `devel`, any personality too
ENOSYS = (
    "clone3",  # its flags lie behind a pointer; with ENOSYS libc falls back to clone (CVE-2021-41133)
    "open_tree", "move_mount", "fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr",
)  # fmt: skip
CLONE_NEWUSER = 0x10000000
TIOCSTI = 0x5412  # types into the controlling terminal (CVE-2017-5226)
TIOCLINUX = 0x541C  # pastes on a virtual console (CVE-2023-28100)
PERSONALITY = 0  # PER_LINUX, the only one
FAMILIES = (0, 1, 2, 10, 16)  # AF_UNSPEC, AF_UNIX, AF_INET, AF_INET6, AF_NETLINK
FEATURES = {"canbus": 29, "bluetooth": 31}  # AF_CAN, AF_BLUETOOTH
_OTHER_ARCHITECTURE = {"x86_64": "X86", "aarch64": "ARM"}  # with `multiarch`


def filter_descriptor(features: Collection[str] = ()) -> int:
    """Return a descriptor with the compiled filter, to be read from its start. Raises Failure.

    `features` are flatpak's words for what is allowed beyond (flatpak-metadata(5), `features`).
    """
    try:
        import seccomp
    except ImportError as error:
        raise failed(
            "python3-seccomp is missing, and no app is run without a system call filter",
            "apt install python3-seccomp",
        ) from error

    deny = seccomp.ERRNO(errno.EPERM)
    rules = seccomp.SyscallFilter(seccomp.ALLOW)
    other = _OTHER_ARCHITECTURE.get(os.uname().machine)
    if "multiarch" in features and other:
        rules.add_arch(getattr(seccomp.Arch, other))
    for name in EPERM:
        if name not in DEVELOPERS or "devel" not in features:
            rules.add_rule(deny, name)
    for name in ENOSYS:
        rules.add_rule(seccomp.ERRNO(errno.ENOSYS), name)
    rules.add_rule(
        deny, "clone", seccomp.Arg(_clone_flags(), seccomp.MASKED_EQ, CLONE_NEWUSER, CLONE_NEWUSER)
    )
    for request in (TIOCSTI, TIOCLINUX):  # the kernel looks at the lower 32 bits only
        rules.add_rule(deny, "ioctl", seccomp.Arg(1, seccomp.MASKED_EQ, 0xFFFFFFFF, request))
    if "devel" not in features:
        rules.add_rule(deny, "personality", seccomp.Arg(0, seccomp.NE, PERSONALITY))
    _refuse_families(rules, {*FAMILIES, *(FEATURES[name] for name in FEATURES.keys() & set(features))})

    descriptor = os.memfd_create("appctl-seccomp", os.MFD_CLOEXEC)
    with open(descriptor, "wb", closefd=False) as file:
        rules.export_bpf(file)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _refuse_families(rules: "seccomp.SyscallFilter", allowed: set[int]) -> None:
    """Refuse sockets of all address families but those allowed."""
    import seccomp

    no_family = seccomp.ERRNO(errno.EAFNOSUPPORT)
    for family in set(range(max(allowed))) - allowed:
        rules.add_rule(no_family, "socket", seccomp.Arg(0, seccomp.EQ, family))
    rules.add_rule(no_family, "socket", seccomp.Arg(0, seccomp.GE, max(allowed) + 1))


def _clone_flags() -> int:
    """Return which argument of clone(2) holds the flags: the second on s390."""
    return 1 if os.uname().machine.startswith("s390") else 0
