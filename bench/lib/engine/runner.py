# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A runner whose store is the daemon's own processes, and whose fetcher reads an OCI layout directory.

So the steps of the pipeline can be measured one by one as the daemon does them, sandbox and decoder included,
without a registry between them.
"""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from appctld.errors import Failed
from appctld.model.jsonvalue import JsonObject, get_str
from appctld.model.manifest import OCI_MANIFEST
from appctld.system.keeper import keeping
from appctld.system.worker import Processes, Program, Report, Runner
from inputs.layout import Layout


class LayoutRunner:
    """A `Runner`; references name the layout's tags."""

    def __init__(self, layout: Layout, processes: Runner | None = None) -> None:
        self._layout = layout
        self._processes = processes or Processes()

    @asynccontextmanager
    async def keeping(self) -> AsyncIterator["LayoutRunner"]:
        """One whose store processes are kept for the length of the block."""
        async with keeping(Processes()) as processes:
            yield LayoutRunner(self._layout, processes)

    async def run(
        self, program: Program, request: JsonObject, report: Report, *, fds: Mapping[str, int]
    ) -> JsonObject:
        """See `system.worker.Runner.run`."""
        if program.module != "appctld.workers.fetch":
            return await self._processes.run(program, request, report, fds=fds)
        return await asyncio.to_thread(self._fetch, request, fds["out"])

    def _fetch(self, request: JsonObject, out: int) -> JsonObject:
        match get_str(request, "op"):
            case "resolve":
                size = _copy(self._layout.manifest_blob(get_str(request, "reference")), out)
                return {"documents": [{"media_type": OCI_MANIFEST, "size": size}]}
            case "blob":
                return {"size": _copy(self._layout.blob(get_str(request, "digest")), out)}
            case op:
                raise Failed(f"no fetcher here does {op}")


def _copy(path: Path, out: int) -> int:
    with os.fdopen(out, "wb") as sink, path.open("rb") as source:
        shutil.copyfileobj(source, sink, 1 << 20)
        return source.tell()
