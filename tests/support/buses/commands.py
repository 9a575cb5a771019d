# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What tests of the commands share: an app, its preview, a remote, and how jobs about them end."""

import io
from typing import Any

from support.buses.fake_installer import FakeInstaller, Script

EDITOR: dict[str, Any] = {
    "id": "org.acme.Editor",
    "title": "Editor",
    "version": "1.4",
    "remote": "acme",
    "tag": "latest",
    "reference": "quay.io/acme/editor:latest",
    "image-digest": "sha256:" + "3" * 64,
    "commit": "4" * 64,
    "layers": ["sha256:" + "5" * 64],
    "verify": "gpg",
    "signer": "E24C" + "0" * 32 + "68BD",
    "signer-name": "Acme\x1b <rel@acme.example>",
    "signed-at": 1_763_640_000,
    "installed-size": 254_000_000,
    "bytes-downloaded": 97_000_000,
    "bytes-reused": 12_000_000,
    "deployment": "/state/apps/x/files",
    "tag-bound": True,
    "changed": True,
}

PREVIEW = {
    key: EDITOR[key]
    for key in (
        "id",
        "version",
        "reference",
        "image-digest",
        "remote",
        "verify",
        "signer",
        "signer-name",
        "signed-at",
    )
} | {
    "download-size": 97_000_000,
    "reuse-size": 12_000_000,
    "change": "install",
    "permissions": ("a(sss)", [("shared", "network", "leaves the sandbox")]),
    "permissions-hash": "ha5h",
    "installed": "",
    "tag-bound": True,
}

PROMISED = {
    "id",
    "remote",
    "reference",
    "image_digest",
    "commit",
    "layers",
    "signer",
    "signed_at",
    "version",
    "deployment",
    "installed_size",
    "bytes_downloaded",
    "bytes_reused",
    "changed",
}

ACME = {
    "Name": "acme",
    "Title": "Acme",
    "Url": "oci+https://quay.io/acme",
    "Verify": "gpg",
    "Enabled": True,
    "Writable": True,
    "Origin": "/etc/x",
    "Fingerprints": ["E" * 40],
    "Settings": {"identity": "tag"},
}


class Terminal(io.StringIO):
    """Standard input of a person who answers."""

    def isatty(self) -> bool:
        return True


def resolved(**changes: Any) -> Script:  # noqa: ANN401 - as the preview has them
    return Script({"State": "succeeded", "Result": {"preview": PREVIEW | changes}})


def done(*apps: dict[str, Any]) -> Script:
    return Script({"State": "succeeded", "Result": {"apps": list(apps)}})


def options_of(daemon: FakeInstaller, member: str) -> dict[str, Any]:
    return {key: value for key, (_, value) in daemon.called(member).body[-1].items()}
