# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Where each scope keeps its things.

Guarantees: absolute paths only; a variable that holds a relative path counts as unset (XDG base directory
specification), and so does a runtime directory that is another user's, as it is left behind by su(1).
Nothing here is created or read.
"""

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from appctl.failure import usage
from appctl.scope import Scope

SYSTEM_STATE = Path("/var/lib/appctl")
SYSTEM_CONFIG = Path("/etc/appctl")
SHIPPED_CONFIG = Path("/usr/lib/appctl")
ONLY_HOME = "APPCTL_ONLY_HOME"  # set by `try`, whose HOME is not the caller's: masks would cover that alone


@dataclass(frozen=True)
class Places:
    """The caller's directories; `only_home` says that no app is shown a file outside `home`."""

    home: Path
    data: Path
    config: Path
    runtime: Path | None
    only_home: bool = False

    @classmethod
    def of_caller(cls) -> "Places":
        """From the environment, with the defaults of the XDG base directory specification. Raises Failure."""
        home = _absolute("HOME") or _home()
        return cls(
            home=home,
            data=_absolute("XDG_DATA_HOME") or home / ".local/share",
            config=_absolute("XDG_CONFIG_HOME") or home / ".config",
            runtime=_own(_absolute("XDG_RUNTIME_DIR")),
            only_home=ONLY_HOME in os.environ,
        )

    def configuration(self, scope: Scope) -> Path:
        """Where the scope's remotes are written down."""
        return SYSTEM_CONFIG if scope is Scope.SYSTEM else self.config / "appctl"

    @property
    def own_state(self) -> Path:
        """Where programs of the caller's keep what they go on with another time."""
        return (_absolute("XDG_STATE_HOME") or self.home / ".local/state") / "appctl"

    def state(self, scope: Scope) -> Path:
        """Where the scope's daemon keeps what is installed."""
        return SYSTEM_STATE if scope is Scope.SYSTEM else self.data / "appctl"

    @property
    def all_app_data(self) -> Path:
        """Where the caller's own data of every app is, flatpak's too."""
        return self.home / ".var/app"

    def app_data(self, app: str) -> Path:
        """Where the caller's own data of an app is."""
        return self.all_app_data / app


def _home() -> Path:
    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:  # a container's, say
        raise usage("HOME is no absolute path, and nobody has this user ID", "HOME=/… appctl …") from None


def _absolute(name: str) -> Path | None:
    text = os.environ.get(name, "")
    return Path(os.path.normpath(text)) if text.startswith("/") else None


def _own(directory: Path | None) -> Path | None:
    try:
        return directory if directory and directory.stat().st_uid == os.geteuid() else None
    except OSError:
        return None
