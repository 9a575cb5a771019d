# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""pipeline/runfile.py: what of an image's environment an app gets."""

import json

import pytest

from appctld.model.image import parse_config
from appctld.model.permissions import Permission
from appctld.pipeline.runfile import DEFAULT_PATH, run_of


class Editor:
    id = "org.acme.Editor"
    version = "1"
    permissions: tuple[Permission, ...] = ()


def environment(*variables: str) -> object:
    """What run.json says, for an image with these variables."""
    image = {
        "os": "linux",
        "architecture": "amd64",
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + "0" * 64]},
        "config": {"Env": list(variables)},
    }
    return run_of(Editor(), parse_config(json.dumps(image).encode()), None)["env"]


CALLERS = """
    HOME USER LOGNAME SHELL TMPDIR DISPLAY WAYLAND_DISPLAY XAUTHORITY PULSE_SERVER SSH_AUTH_SOCK
    PYTHONPYCACHEPREFIX
    XDG_RUNTIME_DIR DBUS_SESSION_BUS_ADDRESS APPCTL_SCOPE FLATPAK_ID
"""


@pytest.mark.parametrize("name", CALLERS.split())
def test_what_is_the_callers_is_not_the_images_to_set(name: str) -> None:
    assert environment("PATH=/bin", f"{name}=/elsewhere", "LANG=C") == {"PATH": "/bin", "LANG": "C"}


def test_an_image_without_a_path_gets_dockers() -> None:
    assert environment("HOMELY=1") == {"PATH": DEFAULT_PATH, "HOMELY": "1"}
