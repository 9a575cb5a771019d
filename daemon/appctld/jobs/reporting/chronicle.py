# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What the history says of a job's work: what is installed now and why that was believed, or what failed.

Pure; the file is state/history.py's.
"""

from collections.abc import Mapping
from types import MappingProxyType

from appctld.errors import AppctlError
from appctld.model.appid import is_app_id
from appctld.model.jsonvalue import JsonObject
from appctld.state.records import Record


def done_facts(record: Record, previous: Record | None = None) -> JsonObject:
    """One deployment that was made current, or removed; `previous` was current before."""
    return {
        "id": record.id,
        "version": record.version,
        "previous-version": previous.version if previous else "",
        "previous-digest": str(previous.image_digest) if previous else "",
        "reference": record.reference,
        "image-digest": str(record.image_digest),
        "remote": record.remote,
        "verify": record.verify,
        "signer": record.signer,
        "signer-name": record.signer_name,
        "signed-at": record.signed_at,
        "checked-at": record.checked_at,
        "commit": record.commit,
    }


def failure_facts(
    subject: str, error: AppctlError, known: Mapping[str, str] = MappingProxyType({})
) -> JsonObject:
    """What was tried with `subject`, an ID or a reference as the caller wrote it, and how it ended.

    `known` are facts about it for where the error has none.
    """
    named = {"id": subject} if is_app_id(subject) else {"reference": subject}
    found = {
        key: text
        for key, name in (
            ("id", "app"), ("reference", "reference"), ("remote", "remote"), ("image-digest", "digest"),
        )
        if isinstance(text := error.data.get(name), str)
    }  # fmt: skip
    return {"id": "", **named, **known, **found, "error": error.name, "message": error.message}
