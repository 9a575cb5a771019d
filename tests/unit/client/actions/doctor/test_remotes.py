# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Which files of remotes.d doctor and metrics look at: those that the daemon reads."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

from appctl.actions.doctor.remotes import files
from appctl.context import Context
from appctl.places import Places
from appctl.scope import Scope
from appctld.config.remotes import files_in


def test_what_the_daemon_skips_is_not_looked_at(tmp_path: Path) -> None:
    places = Places(tmp_path, tmp_path / "data", tmp_path / "config", None)
    directory = places.configuration(Scope.USER) / "remotes.d"
    directory.mkdir(parents=True)
    for name in ("acme.conf", ".acme.conf", ".conf", "acme.conf~", "acme.gpg"):
        (directory / name).write_text("[remote]\nurl = quay.io/acme\n")
    context = cast("Context", SimpleNamespace(places=places, scope=Scope.USER))
    assert files(context) == files_in(directory) == [directory / "acme.conf"]
