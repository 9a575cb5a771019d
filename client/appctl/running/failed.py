# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""How `run` says that it could not start an app: exit code 125, whatever the reason."""

from appctl.exits import ExitCode
from appctl.failure import Failure


def failed(message: str, hint: str, code: ExitCode = ExitCode.RUN_FAILED) -> Failure:
    """Make the Failure: the app's own exit code can then be told from ours."""
    return Failure("RunFailed", message, hint, code=code)
