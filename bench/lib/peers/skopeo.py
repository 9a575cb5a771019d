# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`skopeo copy` to a directory, which downloads and verifies, and `umoci unpack` of what it brought."""

import os
from pathlib import Path

from measure.cost import Cost, command

_COPY = ("skopeo", "--insecure-policy", "copy", "--quiet", "--src-tls-verify=false")


def copy(image: str, place: Path) -> Cost:
    """Downloaded and verified, nothing unpacked."""
    return command([*_COPY, f"docker://{image}", f"oci:{place}/layout:1"])


def copy_and_unpack(image: str, place: Path) -> Cost:
    """And unpacked; only root can keep owners."""
    rootless = ["--rootless"] if os.getuid() else []
    unpack = ["umoci", "unpack", *rootless, "--image", f"{place}/layout:1", str(place / "bundle")]
    return copy(image, place) + command(unpack)
