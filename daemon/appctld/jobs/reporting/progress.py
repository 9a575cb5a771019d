# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The pipeline's progress, written into a job; sampling it is the bus's business."""

from appctld.jobs.job import UNKNOWN, Job
from appctld.jobs.reporting.observer import Observer

FINAL_STAGE = "deploying"  # from here on a cancel would come too late to be honest about
_FOLLOWING = {"exporting", "cleanup"}  # what may follow it, or a removal, and is as cancelable as that was


class JobProgress:
    """Adds up the bytes of all layers of all apps of one job; bytes never go backwards."""

    def __init__(self, job: Job, observer: Observer) -> None:
        self._job = job
        self._observer = observer
        self._layers: dict[str, int] = {}

    def stage(self, name: str) -> None:
        """See `pipeline.tools.Progress.stage`."""
        self._job.stage = name
        if name not in _FOLLOWING:
            self._job.cancelable = name != FINAL_STAGE
        self._observer.job_changed(self._job)

    def expect(self, to_download: int, here: int) -> None:
        """See `pipeline.tools.Progress.expect`."""
        self._job.bytes_total += to_download
        self._job.bytes_reused += here
        self._update()

    def downloaded(self, layer: str, so_far: int) -> None:
        """See `pipeline.tools.Progress.downloaded`."""
        self._layers[layer] = max(so_far, self._layers.get(layer, 0))
        self._update()

    def _update(self) -> None:
        job = self._job
        job.bytes_done = sum(self._layers.values())
        job.percent = min(100 * job.bytes_done // job.bytes_total, 100) if job.bytes_total else UNKNOWN
        self._observer.job_changed(job)
