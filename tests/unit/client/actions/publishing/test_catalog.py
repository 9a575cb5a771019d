# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What `appctl publish --catalog` asks its program, from what a person typed."""

import os
from pathlib import Path

import pytest

from appctl.actions.publishing import catalog
from appctl.actions.publishing.catalog import _request
from appctl.commandline.parser import parse
from appctl.context import Context
from appctl.failure import Failure
from appctl.places import Places
from appctl.programs import images
from appctl.talk.wire import Json, get_objects, get_str

NAME = "shop.example/apps/appctl-catalog:latest"
TO = ("--to", f"docker://{NAME}")


def asked(*words: str) -> Json:
    return _request(Context(parse(["publish", *words])))


def references(request: Json) -> list[str]:
    return [get_str(place, "reference") for place in get_objects(request, "images")]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    return tmp_path


@pytest.mark.parametrize("words", [
    ("--catalog", "shop.example/apps/a:1", "shop.example/apps/b:1", *TO),
    ("shop.example/apps/a:1", "shop.example/apps/b:1", "--catalog", *TO),
    (*TO, "--catalog", "shop.example/apps/a:1", "shop.example/apps/b:1"),
    ("--catalog=list", *TO),
    ("--catalog=list", "shop.example/apps/a:1", *TO),
])  # fmt: skip
def test_the_images_are_those_that_are_typed_and_those_of_a_file(words: tuple[str, ...], here: Path) -> None:
    (here / "list").write_text("# the apps\nshop.example/apps/a:1\n\n  shop.example/apps/b:1  # and b\n")
    request = asked(*words)
    assert references(request) == ["shop.example/apps/a:1", "shop.example/apps/b:1"]
    assert (request["op"], request["name"], request["timestamp"]) == ("catalog", NAME, -1)


def test_a_directory_of_images_and_a_name_for_what_goes_into_one(here: Path) -> None:
    request = asked("oci:shelf", "--catalog", "--to", "oci:shelf", "--as", NAME, "--sign-gpg", "K")
    assert request["images"] == [{"kind": "directory", "path": str(here / "shelf"), "called": ""}]
    assert (request["name"], request["sign"]) == (
        NAME, {"identity": NAME, "gpg": "K", "cosign": "", "lookaside": ""},
    )  # fmt: skip


def test_the_place_of_signatures_is_not_where_those_of_the_images_are_looked_for() -> None:
    request = asked("a.example/x:1", "--catalog", *TO, "--sign-gpg", "K", "--lookaside", "web")
    assert [place["lookaside"] for place in get_objects(request, "images")] == [None]


def test_what_all_registries_have_in_common_is_read_and_said_once(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "ca.pem").write_text("certificates")
    read: list[Places] = []

    def noted(places: Places) -> list[Json]:
        read.append(places)
        return []

    monkeypatch.setattr(images, "login_files", noted)
    request = asked("a.example/x:1", "a.example/y:1", "oci:shelf", "--catalog", *TO, "--ca-file=ca.pem")
    assert (request["ca"], request["proxy"], len(read)) == ("certificates", {}, 1)
    assert not any({"ca", "proxy"} & place.keys() for place in get_objects(request, "images"))


def test_of_directories_alone_no_login_is_read(here: Path) -> None:
    (here / ".docker").mkdir()
    (here / ".docker/config.json").write_text("nonsense")
    assert "ca" not in asked("oci:shelf", "--catalog", "--to", "oci:shelf", "--as", NAME)
    with pytest.raises(Failure):
        asked("a.example/x:1", "--catalog", "--to", "oci:shelf", "--as", NAME)


def test_a_time_can_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "17")
    assert asked("a.example/x:1", "--catalog", *TO)["timestamp"] == 17


@pytest.mark.parametrize("words", [
    ("--catalog",), ("--catalog=empty",), ("--catalog=missing",), ("--catalog=binary",), ("--catalog=fifo",),
    ("--catalog", "greeter"),
    *(("--catalog", "a.example/x:1", *option) for option in (
        ["--repo", "r"], ["--plain"], ["--flatpak"], ["--chunked"], ["--label", "a=b"],
        ["--entrypoint", "x"], ["--arch", "arm64"], ["--release", "1"], ["--owner", "1:1"],
    )),
])  # fmt: skip
def test_what_makes_no_catalogue_is_refused(words: tuple[str, ...], here: Path) -> None:
    (here / "empty").write_text("# nothing\n")
    (here / "binary").write_bytes(b"\xff")
    os.mkfifo(here / "fifo")
    with pytest.raises(Failure) as caught:
        asked(*words, *TO)
    assert caught.value.name == "Usage"


def test_a_list_without_its_equals_sign_is_told_how_it_is_written(here: Path) -> None:
    (here / "list").write_text("a.example/x:1\n")
    with pytest.raises(Failure) as caught:
        asked("--catalog", "list", *TO)
    assert caught.value.hint.startswith("--catalog=list ")


def test_a_list_is_no_larger_than_a_list(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (here / "list").write_text("a.example/x:1\n")
    monkeypatch.setattr(catalog, "LIST_BYTES", 14)
    assert references(asked("--catalog=list", *TO)) == ["a.example/x:1"]
    monkeypatch.setattr(catalog, "LIST_BYTES", 13)
    with pytest.raises(Failure):
        asked("--catalog=list", *TO)
