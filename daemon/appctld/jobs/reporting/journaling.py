# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A job's lines in the journal: what was done and what failed, with the fields to find it by.

The history says the same to callers, and more (chronicle.py); the journal is the administrator's.
"""

import logging

from appctld.errors import AppctlError
from appctld.jobs.job import Job
from appctld.jobs.reporting.chronicle import failure_facts
from appctld.model.jsonvalue import JsonObject
from appctld.system.journal import about

logger = logging.getLogger(__name__)


def log_done(job: Job, event: str, facts: JsonObject) -> None:
    """One app is another than before."""
    app, version = facts.get("id", ""), facts.get("version", "")
    fields = about(job=job.number, uid=job.uid, app=app, remote=facts.get("remote", ""))
    logger.info("job %d: %s %s %s", job.number, event, app, version, extra=fields)


def log_failed(job: Job, subject: str, error: AppctlError) -> None:
    """The job failed, or one app of several did: `subject` as the caller wrote it."""
    facts = failure_facts(subject, error)
    fields = about(
        job=job.number,
        uid=job.uid,
        app=facts.get("id", ""),
        remote=facts.get("remote", ""),
        error=error.name,
    )
    logger.info("job %d (%s): %s: %s", job.number, subject, error.name, error.message, extra=fields)
