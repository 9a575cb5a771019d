# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""pipeline/records/runfile.py: what of an image's environment an app gets."""

import json

import pytest

from appctld.model.image import parse_config
from appctld.model.jsonvalue import JsonObject
from appctld.model.permissions import Permission
from appctld.pipeline.records.runfile import DEFAULT_PATH, run_of


class Editor:
    id = "org.acme.Editor"
    version = "1"
    permissions: tuple[Permission, ...] = ()


def environment(*variables: str, metadata: str | None = None) -> object:
    """What run.json says, for an image with these variables."""
    return written(*variables, metadata=metadata)["env"]


def written(*variables: str, metadata: str | None = None, **more: object) -> JsonObject:
    """The run.json of an image with these variables."""
    image = {
        "os": "linux",
        "architecture": "amd64",
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + "0" * 64]},
        "config": {"Env": list(variables), **more},
    }
    return run_of(Editor(), parse_config(json.dumps(image).encode()), metadata)


CALLERS = """
    HOME USER LOGNAME SHELL TMPDIR DISPLAY WAYLAND_DISPLAY XAUTHORITY PULSE_SERVER SSH_AUTH_SOCK
    PYTHONPYCACHEPREFIX
    XDG_RUNTIME_DIR DBUS_SESSION_BUS_ADDRESS APPCTL_SCOPE FLATPAK_ID
"""


@pytest.mark.parametrize("name", ["XDG_DATA_DIRS", "XDG_CONFIG_DIRS"])
def test_where_its_own_files_are_is_the_images_to_say(name: str) -> None:
    assert environment("PATH=/bin", f"{name}=/app/share") == {"PATH": "/bin", name: "/app/share"}


@pytest.mark.parametrize("name", CALLERS.split())
def test_what_is_the_callers_is_not_the_images_to_set(name: str) -> None:
    assert environment("PATH=/bin", f"{name}=/elsewhere", "LANG=C") == {"PATH": "/bin", "LANG": "C"}


def test_an_image_without_a_path_gets_dockers() -> None:
    assert environment("HOMELY=1") == {"PATH": DEFAULT_PATH, "HOMELY": "1"}


APPLICATION = "[Application]\nname=org.acme.Editor\ncommand=edit\n"


def test_the_metadatas_variables_lie_over_the_images() -> None:
    asked = APPLICATION + "[Environment]\nA=metadata\nHOME=/x\nFLATPAK_ID=y\nDBUS_SESSION_BUS_ADDRESS=z\n"
    assert environment("PATH=/bin", "A=image", "B=image", metadata=asked) == {
        "PATH": "/bin", "A": "metadata", "B": "image",
    }  # fmt: skip


def test_what_the_metadata_unsets_is_not_there_and_told_for_the_runtimes_sake() -> None:
    asked = APPLICATION + "[Context]\nunset-environment=A;C;\n[Environment]\nC=1\n"
    found = written("PATH=/bin", "A=image", metadata=asked)
    assert (found["env"], found["unset"]) == ({"PATH": "/bin"}, ["A", "C"])
    assert "unset" not in written("A=image", metadata=APPLICATION)


def test_on_a_runtime_only_the_metadata_says_where_programs_are() -> None:
    on_runtime = APPLICATION + "runtime=org.x.Platform/x86_64/1\n"
    assert environment("PATH=/bin", "A=image", metadata=on_runtime) == {"A": "image"}
    assert environment(metadata=on_runtime + "[Environment]\nPATH=/app/x\n") == {"PATH": "/app/x"}


def test_volumes_are_places_and_an_image_without_any_says_nothing_of_them() -> None:
    assert written(Volumes={"/srv/data/": {}, "/etc/x": {}})["volumes"] == ["/srv/data"]
    assert "volumes" not in written(Volumes={"/etc/x": {}})
    assert "volumes" not in written()
