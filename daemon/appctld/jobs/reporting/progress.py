# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The pipeline's progress, written into a job; sampling it is the bus's business.

Guarantees: each blob counts once, however many images or apps need it; what has come and the percentage never
go back, and no byte is to come that nobody is about to fetch.
"""

from collections.abc import Mapping

from appctld.jobs.job import UNKNOWN, Job
from appctld.jobs.reporting.observer import Observer

_FINAL = {"deploying", "removing"}  # a cancel would come too late to be honest about, or leave half of it
_FOLLOWING = {"exporting", "cleanup"}  # what may follow these, and is as cancelable as what was before it


class JobProgress:
    """Adds up the bytes of all layers of all apps of one job.

    What a job's later parts will need is not known before, so each has the same share of the percentage.
    """

    def __init__(self, job: Job, observer: Observer) -> None:
        self._job = job
        self._observer = observer
        self._wanted: dict[str, int] = {}
        self._here: dict[str, int] = {}
        self._come: dict[str, int] = {}
        self._part = job.part
        self._before = self._now = (0, 0)  # bytes come and wanted, before this part began and by now

    def stage(self, name: str) -> None:
        """See `pipeline.tools.Progress.stage`."""
        self._job.stage = name
        if name not in _FOLLOWING:
            self._job.cancelable = name not in _FINAL
        self._observer.job_changed(self._job)

    def expect(self, to_download: Mapping[str, int], here: Mapping[str, int]) -> None:
        """See `pipeline.tools.Progress.expect`."""
        for layer, size in here.items():
            if layer not in self._come:  # else it is here because this job has brought it
                self._wanted.pop(layer, None)
                self._here[layer] = size
        for layer, size in to_download.items():
            self._here.pop(layer, None)
            self._wanted[layer] = size
        self._update()

    def downloaded(self, layer: str, so_far: int) -> None:
        """See `pipeline.tools.Progress.downloaded`."""
        if layer in self._here:
            self._wanted[layer] = self._here.pop(layer)
        self._come[layer] = max(so_far, self._come.get(layer, 0))
        self._update()

    def _update(self) -> None:
        job = self._job
        if job.part != self._part:
            self._part, self._before = job.part, self._now
        come = sum(min(self._come.get(layer, 0), size) for layer, size in self._wanted.items())
        self._now = come, sum(self._wanted.values())
        job.bytes_done = sum(self._come.values())
        job.bytes_total = job.bytes_done - come + self._now[1] if self._wanted else 0
        job.bytes_reused = sum(self._here.values())
        job.percent = max(job.percent, self._percent())
        self._observer.job_changed(job)

    def _percent(self) -> int:
        at, parts = self._part
        come, wanted = (now - before for now, before in zip(self._now, self._before, strict=True))
        if wanted <= 0 and parts == 1:
            return UNKNOWN
        share = 100 * max(come, 0) // wanted if wanted > 0 else 0
        return (100 * at + min(share, 100)) // parts
