# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""pipeline/tools.py: what a worker that was taken over can do to who asks it."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from appctld.errors import RegistryUnavailable
from appctld.model.jsonvalue import JsonObject
from appctld.model.manifest import Platform
from appctld.pipeline import tools
from appctld.pipeline.gate import Gate
from appctld.pipeline.tools import Tools
from appctld.state.paths import Paths
from appctld.system.worker import Program, Report
from support.inline import NoLauncher


class Holding:
    """A runner whose worker answers, lives on, and holds its descriptors."""

    def __init__(self) -> None:
        self.held: list[int] = []

    async def run(
        self, _program: Program, _request: JsonObject, _report: Report, *, fds: Mapping[str, int]
    ) -> JsonObject:
        self.held += fds.values()
        return {}


def test_a_fetcher_that_answers_and_holds_its_pipe_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tools, "ANSWER_DEADLINE", 0.2)
    runner = Holding()
    asked = Tools(runner, NoLauncher(), Paths(tmp_path), Platform("linux", "amd64"), Gate())
    with pytest.raises(RegistryUnavailable, match="never came to its end"):
        asyncio.run(asyncio.wait_for(asked.fetch_bytes({"op": "resolve"}, 100), 30.0))
    for number in runner.held:
        os.close(number)
