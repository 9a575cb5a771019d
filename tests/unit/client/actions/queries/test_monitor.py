# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl monitor`: what a person has read of a job is not said again."""

from argparse import Namespace
from typing import Any

import pytest

from appctl.actions.queries.monitor import _Telling
from appctl.context import Context
from appctl.scope import Scope
from appctl.talk.wire import Json

JOB: Json = {"event": "job", "number": 1, "kind": "update", "state": "running", "percent": 50}
STARTED: Json = {"event": "daemon", "running": True}


def test_a_new_daemon_of_one_scope_makes_no_news_of_the_others_jobs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    options: dict[str, Any] = {"json": False, "quiet": False, "no_color": True}
    telling = _Telling(Context(Namespace(**options)), {})
    for scope in Scope:
        telling.tell(scope, [JOB])
    telling.tell(Scope.SYSTEM, [STARTED])
    for scope in Scope:
        telling.tell(scope, [JOB])
    lines = [line.split(" ", 1)[1] for line in capsys.readouterr().out.splitlines()]
    assert [line.partition(":")[0] for line in lines if "job 1" in line] == [*Scope, Scope.SYSTEM]
