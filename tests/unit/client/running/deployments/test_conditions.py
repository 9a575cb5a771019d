# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""enable-if of extension points: what holds on this machine, and that nothing unknown does."""

from pathlib import Path

import pytest

from appctl.running.deployments import conditions
from appctl.running.deployments.conditions import is_wanted


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One with two kernel modules, on a desktop."""
    for module in ("nvidia", "i915"):
        (tmp_path / "module" / module).mkdir(parents=True)
    (tmp_path / "module/nvidia/version").write_text("535.113.01\n")
    monkeypatch.setattr(conditions, "_MODULES", tmp_path / "module")
    monkeypatch.setattr(conditions, "_NVIDIA", tmp_path / "module/nvidia/version")
    monkeypatch.setenv("XDG_CURRENT_DESKTOP", "ubuntu:GNOME")


@pytest.mark.parametrize(
    ("condition", "at", "holds"),
    [
        ("", "/usr/x", 1),
        ("active-gl-driver", "/usr/lib/GL/default", 1),
        ("active-gl-driver", "/usr/lib/GL/nvidia-535-113-01", 1),
        ("active-gl-driver", "/usr/lib/GL/nvidia-470-1", 0),
        ("have-kernel-module-i915", "/usr/x", 1),
        ("have-kernel-module-xe", "/usr/x", 0),
        ("have-kernel-module-nvidia/../i915", "/usr/x", 0),
        ("have-kernel-module-", "/usr/x", 0),
        ("have-intel-gpu", "/usr/x", 1),
        ("on-xdg-desktop-gnome", "/usr/x", 1),
        ("on-xdg-desktop-kde", "/usr/x", 0),
        ("active-gtk-theme", "/usr/x", 0),
        ("active-gtk-theme;on-xdg-desktop-GNOME", "/usr/x", 1),
        ("!on-xdg-desktop-kde", "/usr/x", 0),
    ],
)
def test_a_condition_holds_if_it_is_known_and_true(condition: str, at: str, holds: int) -> None:
    assert is_wanted(condition, at) == bool(holds)


def test_without_its_module_no_driver_but_the_default_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conditions, "_NVIDIA", tmp_path / "nothing")
    assert is_wanted("active-gl-driver", "/usr/lib/GL/default")
    assert not is_wanted("active-gl-driver", "/usr/lib/GL/nvidia-535-113-01")
