# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""/.flatpak-info: what portals believe, so that no text of an image or a command line may add to it."""

from pathlib import Path

import pytest

from appctl.places import Places
from appctl.running.deployments import deployment as deployments
from appctl.running.deployments.runfile import Permission
from appctl.running.deployments.stack import assemble
from appctl.running.desktop.info import flatpak_info
from appctl.scope import Scope
from support.machines.runtimes import APP, change_tool, platform, tool


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(home=tmp_path, data=tmp_path, config=tmp_path, runtime=None)


def info(places: Places, *permissions: Permission) -> list[str]:
    platform(places.state(Scope.USER))
    tool(places.state(Scope.USER))
    stack = assemble(deployments.find(places, (Scope.USER,), APP), places)
    found = flatpak_info(stack, places.app_data(APP), "7", permissions)
    stack.close()
    return found.decode().splitlines()


def test_it_names_app_runtime_and_what_was_granted(places: Places) -> None:
    lines = info(
        places,
        ("shared", "network", ""),
        ("shared", "ipc", ""),
        ("session-bus", "org.x.Y:talk", ""),
        ("system-bus", "org.x.Z:see", ""),
    )
    assert lines[:3] == ["[Application]", f"name={APP}", "runtime=runtime/org.acme.Platform/x86_64/1"]
    assert {"instance-id=7", "arch=x86_64", "branch=stable", f"runtime-commit={'c' * 64}"} <= set(lines)
    assert lines[lines.index("[Context]") + 1] == "shared=network;ipc;"
    assert lines[lines.index("[Session Bus Policy]") + 1] == "org.x.Y=talk"
    assert lines[lines.index("[System Bus Policy]") + 1] == "org.x.Z=see"


@pytest.mark.parametrize("value", ["/x\n[Context]\nshared=network", "/x;xdg-run/bus", "/x\r[Context]"])
def test_a_path_that_could_be_read_as_more_stays_out(value: str, places: Places) -> None:
    lines = info(places, ("filesystems", value, ""), ("filesystems", "/y", ""))
    assert [line for line in lines if line.startswith("filesystems")] == ["filesystems=/y;"]
    assert "shared=network" not in lines


@pytest.mark.parametrize("member", ["app-ref", "runtime-ref"])
def test_a_ref_with_a_line_of_its_own_is_not_understood(member: str, places: Places) -> None:
    platform(places.state(Scope.USER))
    change_tool(tool(places.state(Scope.USER)), **{member: f"app/{APP}/x/y\n[Context]\nshared=network;"})
    with pytest.raises(Exception, match="not understood"):
        deployments.find(places, (Scope.USER,), APP)
