# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What `run`'s own options give: relative paths, names, modes, and what is refused before anything runs."""

from pathlib import Path

import pytest

from appctl.__main__ import main
from appctl.commandline.parser import parse
from appctl.failure import Failure
from appctl.running.grants.granted import Grants
from appctl.running.once import of_options


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the caller is."""
    (tmp_path / "here/below").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("below", "{here}/below"),
        ("below:ro", "{here}/below:ro"),
        (".", "{here}"),
        ("../here", "{here}"),
        ("{here}/below", "{here}/below"),
        ("a:b", "{here}/a:b"),
        ("a:b:ro", "{here}/a:b:ro"),
        ("home:ro", "home:ro"),
        ("~/x", "~/x"),
        ("xdg-documents/x", "xdg-documents/x"),
    ],
)
def test_a_relative_path_starts_where_the_caller_is(typed: str, meant: str, here: Path) -> None:
    (here / "a:b").mkdir()
    given = of_options(parse(["run", f"--filesystem={typed.format(here=here)}", "x"]))
    assert given.permissions == (("filesystems", meant.format(here=here), ""),)


@pytest.mark.parametrize(
    ("option", "code"),
    [
        ("--filesystem=nosuch", 125),
        ("--filesystem=/nosuch:ro", 125),
        ("--filesystem=below:rw", 64),
        ("--filesystem=home:create", 64),
        ("--filesystem=:ro", 64),
        ("--filesystem=", 64),
        ("--env=A", 64),
        ("--env==x", 64),
    ],
)
def test_what_makes_no_sense_or_is_not_there_is_named(option: str, code: int) -> None:
    with pytest.raises(Failure) as caught:
        of_options(parse(["run", option, "x"]))
    assert caught.value.code == code
    assert option.partition("=")[2] in caught.value.message


def test_it_is_read_before_an_app_is_looked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert main(["run", "--env=A", "nosuchapp"]) == 64
    assert "--env 'A'" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["xdg-music", "~/nosuch", "home/nosuch:ro"])
def test_a_named_place_that_the_user_does_not_have_is_an_error(name: str, here: Path) -> None:
    given = of_options(parse(["run", f"--filesystem={name}", "x"]))
    with pytest.raises(Failure) as caught:
        given.check(Grants(refused=[f"filesystems={name}"]), here)
    assert caught.value.code == 125
    given.check(Grants(), here)


def test_a_named_place_that_may_not_be_shown_is_none(here: Path) -> None:
    for name in ("~/below", "xdg-config/appctl"):
        given = of_options(parse(["run", f"--filesystem={name}", "x"]))
        given.check(Grants(refused=[f"filesystems={name}"]), here)


def test_cwd_is_where_the_caller_is_or_what_is_named(here: Path) -> None:
    assert of_options(parse(["run", "--cwd", "x"])).cwd == str(here)
    assert of_options(parse(["run", "--cwd=below", "x"])).cwd == str(here / "below")
    assert of_options(parse(["run", "x"])).cwd is None
