# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Campaigns: tests of one kind in many ways, too slow to try all of them on every commit.

With APPCTL_SLICE, a number, in the environment only a part of each is tried; as many numbers in a row as the
campaign has parts try all of it. `scripts/test` without arguments gives the number of commits, so what is
tried of a commit is always the same, and its neighbours try the rest. Without it everything is tried.
"""

import zlib
from collections.abc import Mapping

PARTS: Mapping[str, int] = {
    "tests/attacks/test_bad_flatpaks.py": 4,
    "tests/attacks/test_bad_input.py": 12,
    "tests/attacks/test_bus_arguments.py": 4,
    "tests/attacks/test_cancels.py": 11,
    "tests/attacks/test_credential_jobs.py": 4,
    "tests/attacks/test_credential_matrix.py": 2,
    "tests/attacks/test_damage_matrix.py": 12,
    "tests/attacks/test_export_matrix.py": 5,
    "tests/attacks/test_faults.py": 8,
    "tests/attacks/test_faults_inside.py": 2,
    "tests/attacks/test_flood.py": 2,
    "tests/attacks/test_liar_matrix.py": 4,
    "tests/attacks/test_liar_matrix_native.py": 4,
    "tests/attacks/test_order_cli.py": 10,
    "tests/attacks/test_ostree_images.py": 12,
    "tests/attacks/test_rotation_cli.py": 12,
    "tests/attacks/test_rotation_matrix.py": 3,
    "tests/attacks/test_signature_matrix.py": 2,
    "tests/attacks/test_statement_matrix.py": 2,
    "tests/integration/test_apply.py": 6,
    "tests/integration/test_asked_for_a_login.py": 8,
    "tests/integration/test_background_updates.py": 34,
    "tests/integration/test_bad_machines.py": 9,
    "tests/integration/test_bundles.py": 18,
    "tests/integration/test_cancel.py": 4,
    "tests/integration/test_cosign.py": 4,
    "tests/integration/test_detach.py": 7,
    "tests/integration/test_directory_remote.py": 3,
    "tests/integration/test_doctor.py": 8,
    "tests/integration/test_errors.py": 7,
    "tests/integration/test_export.py": 10,
    "tests/integration/test_exports.py": 6,
    "tests/integration/test_flatpak.py": 10,
    "tests/integration/test_formats.py": 4,
    "tests/integration/test_golden_images.py": 8,
    "tests/integration/test_install_choices.py": 5,
    "tests/integration/test_instances.py": 3,
    "tests/integration/test_lint.py": 3,
    "tests/integration/test_login.py": 4,
    "tests/integration/test_login_system.py": 2,
    "tests/integration/test_main_job.py": 5,
    "tests/integration/test_mirrors.py": 2,
    "tests/integration/test_monitor.py": 3,
    "tests/integration/test_native_remote.py": 14,
    "tests/integration/test_network.py": 4,
    "tests/integration/test_ostree_images.py": 8,
    "tests/integration/test_permissions.py": 3,
    "tests/integration/test_plain_images.py": 3,
    "tests/integration/test_policy.py": 10,
    "tests/integration/test_private_registry.py": 9,
    "tests/integration/test_references.py": 20,
    "tests/integration/test_run_as_flatpak.py": 3,
    "tests/integration/test_schemas.py": 6,
    "tests/integration/test_sessions.py": 4,
    "tests/integration/test_software_centers.py": 3,
    "tests/integration/test_terminals.py": 12,
    "tests/integration/test_try.py": 7,
    "tests/integration/test_unsigned.py": 3,
    "tests/integration/test_users.py": 6,
    "tests/integration/test_without_network.py": 3,
    "tests/unit/bench/test_programs.py": 15,
    "tests/unit/bus/test_bounds.py": 3,
    "tests/unit/client/actions/test_export.py": 2,
    "tests/unit/client/running/test_sandbox.py": 2,
    "tests/unit/client/running/test_volumes.py": 2,
    "tests/unit/jobs/audit/test_damages.py": 4,
    "tests/unit/jobs/audit/test_repair.py": 3,
    "tests/unit/jobs/publishers/test_rotation.py": 2,
    "tests/unit/system/test_keeper.py": 3,
    "tests/unit/system/test_worker.py": 5,
    "tests/unit/workers/fetch/layout/test_archive.py": 9,
    "tests/unit/workers/fetch/layout/test_directory.py": 6,
    "tests/unit/workers/fetch/layout/test_docker.py": 5,
    "tests/unit/workers/pull/test_hostile.py": 2,
    "tests/unit/workers/pull/test_operations.py": 3,
    "tests/unit/workers/store/farm/test_kills.py": 5,
    "tests/unit/workers/store/ostree/test_contents.py": 3,
    "tests/unit/workers/store/ostree/test_objects.py": 2,
    "tests/unit/workers/store/test_deploy.py": 3,
    "tests/unit/workers/store/test_oracle.py": 2,
}

# Files that are tried whole, in one of so many slices: they set up as much for one test as for all.
WHOLE: Mapping[str, int] = {
    "tests/integration/scripts/test_playground.py": 2,
    "tests/integration/test_podman.py": 4,
    "tests/integration/test_publish.py": 4,
    "tests/integration/test_publisher_file.py": 2,
    "tests/integration/test_publishing.py": 4,
    "tests/integration/test_search.py": 3,
    "tests/integration/test_software_center_example.py": 4,
    "tests/integration/test_two_publishers.py": 3,
    "tests/integration/test_updates_cut_off.py": 4,
    "tests/integration/test_window.py": 2,
}


def is_tried(node: str, number: int) -> bool:
    """Whether a test, by pytest's name for it, is of the slice of that number."""
    file = node.partition("::")[0]
    name, parts = (file, WHOLE[file]) if file in WHOLE else (node, PARTS.get(file, 1))
    return (zlib.crc32(name.encode()) + number) % parts == 0
