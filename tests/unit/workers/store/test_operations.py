# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The store's table of operations, as the worker starts with it: real interpreters."""

import subprocess
import sys

import pytest

from appctld.errors import AppctlError
from appctld.model.jsonvalue import JsonError
from appctld.workers.store.__main__ import HANDLERS

PROGRAM = """
import sys
from appctld.workers.store.__main__ import HANDLERS
try:
    HANDLERS[sys.argv[1]]({}, print)
except Exception:
    pass
print("gi.repository.OSTree" in sys.modules)
"""


@pytest.mark.parametrize("operation", sorted(HANDLERS))
def test_every_operation_has_its_handler(operation: str) -> None:
    with pytest.raises((JsonError, AppctlError, KeyError)):
        HANDLERS[operation]({}, lambda _facts: None)


@pytest.mark.parametrize(
    ("operation", "loaded"), [("receive", "False"), ("recheck", "False"), ("merge", "True")]
)
def test_what_only_moves_bytes_starts_without_libostree(operation: str, loaded: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, operation], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == [loaded]
