# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Which faults a process can have, and by which error each must be told."""

from support.ordeals.faults import DECODER, GPGV

FAULTS = {"igzip": DECODER, "zstd": DECODER, "gpgv": GPGV, "update-desktop-database": DECODER}

_BLAMED = frozenset(
    {"DigestMismatch", "UnsafeArchive"}
)  # nobody can tell a decoder's garbage from a publisher's
_LIMIT = frozenset({"LimitExceeded"})
OUTCOMES = {
    **{
        (decoder, fault): _BLAMED
        for decoder in ("igzip", "zstd")
        for fault in (
            "fails",
            "writes nothing",
            "writes too little",
            "writes garbage",
            "closes its pipe and lives on",
        )
    },
    **{
        (program, fault.name): _LIMIT
        for program, faults in FAULTS.items()
        for fault in faults
        if fault.late or fault.name in {"writes for ever", "reports for ever"}
    },
    ("blob", "answers before it reads"): frozenset({"DigestMismatch"}),
    ("blob", "answers twice"): frozenset({"DigestMismatch"}),
    ("gpgv", "says too little"): frozenset({"SignatureInvalid"}),
    ("gpgv", "writes garbage"): frozenset({"SignatureInvalid"}),
}
"""Where it is not `Failed`, by process or operation."""

_DIED, _LATE = frozenset({"Failed"}), frozenset({"RegistryUnavailable"})
_ENDINGS = {
    "writes half and is killed": _DIED,
    "writes half and hangs": _LATE,
    "writes all, and hangs": _LATE,
    "writes for ever": _LIMIT,
}
_MISMATCH = frozenset({"DigestMismatch"})
_SHORT = ("writes too little", "writes nothing", "writes other bytes", "says so before it writes")
_BLOB = {**_ENDINGS, **dict.fromkeys(_SHORT, _MISMATCH), "writes too much": _LIMIT}
_UNSIGNED = frozenset({"SignatureMissing"})
_UNUSABLE = frozenset({"SignatureInvalid"})
LIES = {
    ("resolve", 1): {**_ENDINGS, **dict.fromkeys(_SHORT, _UNSIGNED), "writes too much": _DIED},
    ("signatures", 1): {
        **_ENDINGS,
        "writes too little": _DIED,
        "writes nothing": _DIED,
        "writes other bytes": _UNUSABLE,
        "says so before it writes": _UNUSABLE,
        "writes too much": _UNUSABLE,
    },
    ("blob", 1): _BLOB,
    ("blob", 2): _BLOB,
}
"""What is told of a fetcher whose answer makes sense, by operation and number: it is not believed."""
