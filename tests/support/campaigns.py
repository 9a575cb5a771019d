# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Campaigns: tests of one kind in many ways, too slow to try all of them on every commit.

With APPCTL_SLICE, a number, in the environment only a part of each is tried; as many numbers in a row as the
campaign has parts try all of it. scripts/test gives the number of the commit where CI is set, so what is
tried of a commit is always the same, and its neighbours try the rest. Without it everything is tried.
"""

import zlib
from collections.abc import Mapping

PARTS: Mapping[str, int] = {
    "tests/attacks/test_bad_flatpaks.py": 4,
    "tests/attacks/test_bad_input.py": 4,
    "tests/attacks/test_damage_matrix.py": 4,
    "tests/attacks/test_faults.py": 3,
    "tests/attacks/test_liar_matrix.py": 4,
    "tests/attacks/test_liar_matrix_native.py": 4,
    "tests/attacks/test_order_cli.py": 4,
    "tests/attacks/test_ostree_images.py": 5,
    "tests/attacks/test_rotation_cli.py": 4,
    "tests/attacks/test_rotation_matrix.py": 3,
    "tests/integration/test_bundles.py": 5,
    "tests/integration/test_cosign.py": 2,
    "tests/integration/test_errors.py": 4,
    "tests/integration/test_export.py": 3,
    "tests/integration/test_flatpak.py": 4,
    "tests/integration/test_formats.py": 2,
    "tests/integration/test_golden_images.py": 4,
    "tests/integration/test_native_remote.py": 4,
    "tests/integration/test_ostree_images.py": 3,
    "tests/integration/test_plain_images.py": 3,
    "tests/integration/test_podman.py": 2,
    "tests/integration/test_private_registry.py": 3,
    "tests/integration/test_publish.py": 4,
    "tests/integration/test_run_as_flatpak.py": 3,
    "tests/integration/test_schemas.py": 3,
    "tests/integration/test_try.py": 5,
    "tests/unit/bench/test_programs.py": 5,
    "tests/unit/jobs/audit/test_damages.py": 4,
    "tests/unit/scripts/test_guards.py": 4,
}


def is_tried(node: str, number: int) -> bool:
    """Whether a test, by pytest's name for it, is of the slice of that number."""
    return (zlib.crc32(node.encode()) + number) % PARTS.get(node.partition("::")[0], 1) == 0
