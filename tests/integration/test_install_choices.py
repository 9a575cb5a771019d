# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`install --arch`, `--as`, `uninstall --ignore`, at the command line: what is chosen, and what cannot be."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.layers.tarball import archive, entry
from support.machines.machine import Machine
from support.people.answered import answered
from support.servers.fake_registry import Reply
from support.servers.shelf import Shelf

INDEX = "application/vnd.oci.image.index.v1+json"
OWN, GIVEN = "org.example.App", "org.mine.App"


class Platforms(Shelf):
    """Serves one image for several architectures behind a tag."""

    def publish(
        self, name: str, *architectures: str, own_id: str = OWN, tag: str = "1", more: str = ""
    ) -> str:
        """The reference. In each image stands for what it is."""
        labels = {"org.appctl.id": own_id}
        tars = {one: archive(entry(b"which", content=f"{one}{more}".encode())) for one in architectures}
        manifests = [self.image(name, [tar], labels, one) for one, tar in tars.items()]
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}
        self.on(
            f"/v2/{name}/manifests/{tag}", Reply(200, {"Content-Type": INDEX}, json.dumps(index).encode())
        )
        return f"{self.host}/{name}:{tag}"


@pytest.fixture(scope="module")
def shelf() -> Iterator[Platforms]:
    with Platforms() as shelf:
        yield shelf


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, shelf: Platforms) -> Iterator[Machine]:
    with Machine(tmp_path_factory.mktemp("choices") / "machine", measured=False) as machine:
        for name in ("demo", "other"):
            url = f"oci+http://{shelf.host}/{name}"
            remote = f"[remote]\nurl = {url}\nverify = none\nids = org.example.* org.mine.*\n"
            machine.configuration.mkdir(parents=True, exist_ok=True)
            (machine.configuration / f"{name}.conf").write_text(remote)
        yield machine


@pytest.fixture(autouse=True)
def nothing_is_installed(machine: Machine) -> Iterator[None]:
    yield
    if list(machine.state.glob("apps/*/current")):
        machine.appctl("uninstall", "-y", "--ignore", OWN, GIVEN)


def which(app: dict[str, str]) -> str:
    return Path(app["deployment"], "which").read_text()


def test_the_image_of_another_architecture_is_installed(machine: Machine, shelf: Platforms) -> None:
    reference = shelf.publish("demo/app", "amd64", "arm64")
    (app,) = machine.appctl("install", "-y", "--json", "--arch", "arm64", reference).json["apps"]
    assert (which(app), app["arch"]) == ("arm64", "arm64")
    machine.appctl("update")
    assert [app["arch"] for app in machine.appctl("list", "--json").json] == ["arm64"]


def test_an_architecture_that_the_index_lacks_is_said_with_those_that_are_there(
    machine: Machine, shelf: Platforms
) -> None:
    reference = shelf.publish("demo/app", "amd64", "arm64")
    ran = machine.appctl("install", "-y", "--json", "--arch", "riscv64", reference, code=1)
    (error,) = ran.json["errors"]
    assert error["name"] == "ArchMismatch"
    assert "linux/amd64, linux/arm64" in error["message"]
    assert machine.appctl("list", "--json").json == []


def test_one_image_is_here_twice_under_two_ids(machine: Machine, shelf: Platforms) -> None:
    reference = shelf.publish("demo/app", "amd64")
    machine.appctl("install", "-y", reference)
    out = machine.appctl("install", "-y", "--as", GIVEN, reference).out
    assert f"Installed {GIVEN}" in out
    found = {app["id"]: app["given_id"] for app in machine.appctl("list", "--json").json}
    assert found == {OWN: False, GIVEN: True}
    machine.appctl("uninstall", "-y", OWN)
    assert [app["id"] for app in machine.appctl("list", "--json").json] == [GIVEN]


def followed(machine: Machine) -> str:
    """The reference that the one app gets its updates from."""
    (app,) = machine.appctl("list", "--json").json
    return str(app["reference"])


def test_one_id_has_one_tag_and_another_tag_asks_to_switch(machine: Machine, shelf: Platforms) -> None:
    stable = shelf.publish("demo/tags", "amd64", tag="stable")
    beta = shelf.publish("demo/tags", "amd64", tag="beta", more=" beta")
    assert "Switches" not in machine.appctl("install", "-y", stable).out
    declined = answered(machine, "n\n", "install", beta)
    assert (declined.code, followed(machine)) == (130, stable)
    assert "\nSwitches   from :stable to :beta, and gets its updates from there\n" in declined.err
    assert "Switch to :beta? [Y/n]" in declined.err
    assert "\nSwitches   from :stable to :beta" in machine.appctl("install", "-y", beta).out
    assert followed(machine) == beta
    assert machine.appctl("rollback", OWN).out.endswith(" It leaves :beta and follows :stable again.\n")
    assert followed(machine) == stable


def test_the_same_image_by_another_tag_is_a_switch_too(
    machine: Machine, shelf: Platforms, tmp_path: Path
) -> None:
    stable, beta = (shelf.publish("demo/same", "amd64", tag=tag, more=" same") for tag in ("stable", "beta"))
    machine.appctl("install", "-y", stable)
    assert machine.appctl("install", "-y", beta, "--json").json["changed"] is True
    assert followed(machine) == beta
    (tmp_path / "app.conf").write_text(f"[app]\nref = {stable}\n")
    assert machine.appctl("apply", str(tmp_path), "--json").json["changed"] is True
    assert followed(machine) == stable


def test_an_id_that_another_remote_has_is_a_conflict(machine: Machine, shelf: Platforms) -> None:
    machine.appctl("install", "-y", shelf.publish("other/app", "amd64", own_id=GIVEN))
    reference = shelf.publish("demo/app", "amd64")
    ran = machine.appctl("install", "-y", "--json", "--as", GIVEN, reference, code=1)
    assert [error["name"] for error in ran.json["errors"]] == ["Conflict"]
    ran = machine.appctl("install", "-y", "--json", "--as", "com.acme.App", reference, code=1)
    assert "may not install com.acme.App" in ran.json["errors"][0]["message"]


def test_what_is_no_id_and_no_architecture_is_refused(machine: Machine, shelf: Platforms) -> None:
    reference = shelf.publish("demo/app", "amd64")
    for words in (
        ["--as", "noid"],
        ["--as", "org.mine.App/../x"],
        ["--as", "org.mine.\u202eApp"],
        ["--as", GIVEN, "127.0.0.1:1/demo/second:1"],
        ["--arch", "../x"],
        ["--arch", "arm64\x1b"],
        ["--arch", "linux/arm64"],
    ):
        ran = machine.appctl("install", "-y", reference, *words, code=64)
        assert ran.err.startswith("error: ")
        assert "\x1b" not in ran.err
    assert machine.appctl("list", "--json").json == []


def test_what_is_not_installed_is_ignored_where_that_is_said(machine: Machine) -> None:
    assert machine.appctl("uninstall", "-y", OWN, code=3).err.startswith("error: ")
    ran = machine.appctl("uninstall", "-y", "--ignore", OWN, "--json")
    assert (ran.json["changed"], ran.json["errors"], ran.err) == (False, [], "")
