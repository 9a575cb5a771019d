# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What is installed under an ID, as far as it is believed: a repair doubts the record that it replaces."""

from appctld.model.digest import Digest
from appctld.pipeline.tools import Tools
from appctld.state.records import Record, find_app


def record_here(app_id: str, tools: Tools) -> Record | None:
    """The record of the current deployment; None where there is none, or none to go by."""
    app = None if app_id in tools.doubted else find_app(tools.paths, app_id)
    return app.current if app else None


def digest_here(app_id: str, tools: Tools) -> Digest | None:
    """The image that is installed now, which R9 does not judge; of a doubted record, what its commit says."""
    record = record_here(app_id, tools)
    return record.image_digest if record else tools.doubted.get(app_id)
