# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl apply` and `appctl metrics` on a machine with real images: what the files say is what is there."""

import itertools
import shutil
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from support.images.images import CREATED
from support.layers.tarball import archive, directory, entry
from support.machines.machine import Machine
from support.publishers.forge import Forgery
from support.publishers.publisher import Publisher

DOCUMENT = Path(__file__).parents[2] / "docs/administrators.md"
PLAIN = "[Application]\nname={app}\ncommand=/usr/bin/greet\n"
NETWORK = PLAIN + "[Context]\nshared=network;\n"
OTHER = "org.appctl.Other"


class Fleet:
    """A machine, a publisher that it trusts, and the directory that says what it is to have.

    Every test has an app of its own: what was installed once is newer for ever.
    """

    def __init__(self, machine: Machine, publisher: Publisher, work: Path) -> None:
        self.machine, self.publisher = machine, publisher
        self.directory = machine.configuration.parent / "apps.d"
        self.app = ""
        self._days = itertools.count(2)
        self.key = publisher.keys.make("acme", expire="2y")
        file = work / "acme.asc"
        file.write_bytes(publisher.keys.export(self.key, armor=True))
        url = f"oci+http://{publisher.registry.host}/acme"
        machine.add_remote("acme", url, file, publisher.lookaside.url)

    def begin(self, app: str) -> None:
        """Nothing is installed, and nothing is to be."""
        self.app = app
        if installed := [path.parent.name for path in self.machine.state.glob("apps/*/current")]:
            self.machine.appctl("uninstall", "-y", *installed)
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir()

    def push(self, name: str, version: str, metadata: str, app: str = "", *, label: bool = True) -> None:
        """Publish a version of the test's app, or of another, as `acme/name`, younger than the last."""
        text = metadata.format(app=app or self.app)
        labels = {"org.appctl.id": app or self.app, "org.opencontainers.image.version": version}
        if label:
            labels["org.appctl.metadata"] = text
        image = Forgery([archive(directory("app"), entry("app/metadata", content=text.encode()))])
        image.config["created"] = (CREATED + timedelta(days=next(self._days))).isoformat()
        image.config["config"]["Labels"] = labels
        image.push(self.publisher, f"acme/{name}", self.key)

    def declare(self, name: str, *lines: str) -> Path:
        """Write one file of apps.d."""
        path = self.directory / f"{name}.conf"
        path.write_text("\n".join(["[app]", *lines, ""]))
        return path

    def versions(self) -> dict[str, str]:
        """What is installed."""
        return {app["id"]: app["version"] for app in self.machine.appctl("list", "--json").json}


@pytest.fixture(scope="module")
def house(publisher: Publisher, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    work = tmp_path_factory.mktemp("fleet")
    with Machine(work / "machine", measured=False) as machine:
        yield Fleet(machine, publisher, work)


@pytest.fixture
def fleet(house: Fleet, request: pytest.FixtureRequest) -> Fleet:
    house.begin(f"org.appctl.{request.node.name.title().replace('_', '')}")
    return house


def test_the_example_of_the_document_applies(fleet: Fleet) -> None:
    text = DOCUMENT.read_text().partition("## Apply")[2].partition("| key |")[0]
    example = "".join(
        line.removeprefix("    ") for line in text.splitlines(keepends=True) if line.startswith("    ")
    )
    fleet.push("greeter:1", "example", NETWORK)
    (fleet.directory / "greeter.conf").write_text(example)
    assert f"Installed {fleet.app} example." in fleet.machine.appctl("apply").out
    assert fleet.machine.appctl("apply", "--json").json["changed"] is False


def test_a_machine_becomes_what_its_files_say_and_stays_so(fleet: Fleet) -> None:
    machine = fleet.machine
    fleet.push("greeter:6", "network", NETWORK)
    file = fleet.declare("greeter", "ref=acme/greeter:6")
    refused = machine.appctl("apply", code=6)
    assert str(file) in refused.err
    (told,) = [line for line in refused.err.splitlines() if line.startswith("hint: ")]
    assert fleet.versions() == {}

    file.write_text(f"{file.read_text()}{told.removeprefix('hint: ').split()[0]}\n")
    assert machine.appctl("apply", "--dry-run", "--json").json["apps"][0]["actions"] == ["install"]
    assert fleet.versions() == {}
    assert machine.appctl("apply", "--noninteractive", "--json").json["changed"] is True
    assert fleet.versions() == {fleet.app: "network"}
    machine.appctl("remote", "disable", "acme")  # so that whoever asked it anything would be refused
    again = machine.appctl("apply", "--json").json
    assert (again["changed"], again["errors"]) == (False, [])
    machine.appctl("remote", "enable", "acme")


def test_what_only_a_file_in_the_image_asks_for_is_approved_in_the_same_way(fleet: Fleet) -> None:
    machine = fleet.machine
    fleet.push("greeter:7", "silent", NETWORK, label=False)
    file = fleet.declare("greeter", "ref=acme/greeter:7")
    (error,) = machine.appctl("apply", "--json", code=6).json["errors"]
    assert error["details"]["permissions"] == ["shared=network"]
    file.write_text(f"{file.read_text()}{error['hint'].split()[0]}\n")
    assert machine.appctl("apply", "--json").json["changed"] is True
    assert machine.appctl("apply", "--json").json["changed"] is False


def test_an_update_with_new_permissions_comes_when_their_hash_is_written_down(fleet: Fleet) -> None:
    machine = fleet.machine
    fleet.push("greeter:2", "plain2", PLAIN)
    file = fleet.declare("greeter", "ref=acme/greeter:2")
    machine.appctl("apply")
    fleet.push("greeter:2", "network2", NETWORK)
    assert machine.appctl("apply", "--json").json["changed"] is False
    (error,) = machine.appctl("update", "-y", "--json", code=6).json["errors"]
    approved = error["details"]["permissions_hash"]
    file.write_text(f"{file.read_text()}permissions-hash={approved}\n")
    assert f"Updated {fleet.app} network2." in machine.appctl("apply").out
    assert fleet.versions() == {fleet.app: "network2"}
    machine.appctl("remote", "disable", "acme")
    assert machine.appctl("apply", "--json").json["changed"] is False
    machine.appctl("remote", "enable", "acme")


def test_two_tags_of_one_app_stand_side_by_side_and_one_is_held(fleet: Fleet) -> None:
    machine = fleet.machine
    for tag in ("old", "new"):
        fleet.push(f"greeter:{tag}", f"{tag}5", PLAIN)
    fleet.declare("new", "ref=acme/greeter:new")
    fleet.declare("old", "ref=acme/greeter:old", f"as={fleet.app}.Old", "hold=yes")
    told = machine.appctl("apply", "--json").json
    assert [app["actions"] for app in told["apps"]] == [["install"], ["install", "hold"]]
    assert fleet.versions() == {fleet.app: "new5", f"{fleet.app}.Old": "old5"}
    fleet.push("greeter:old", "newer5", PLAIN)
    machine.appctl("update")
    assert fleet.versions()[f"{fleet.app}.Old"] == "old5"
    assert machine.appctl("apply", "--prune", "--json").json["changed"] is False


def test_prune_removes_what_no_file_names_and_never_data(fleet: Fleet) -> None:
    machine = fleet.machine
    fleet.push("greeter:3", "plain3", PLAIN)
    fleet.push("other:1", "1", PLAIN, app=OTHER)
    machine.appctl("install", "-y", "acme/other:1")
    data = machine.directory / "home/.var/app" / OTHER
    data.mkdir(parents=True)
    fleet.declare("greeter", "ref=acme/greeter:3")
    assert machine.appctl("apply", "--json").json["removed"] == []
    assert set(fleet.versions()) == {fleet.app, OTHER}
    assert f"Removed {OTHER}, which no file names." in machine.appctl("apply", "--prune").out
    assert set(fleet.versions()) == {fleet.app}
    assert data.is_dir()


def test_the_metrics_of_a_real_machine_are_read_by_prometheus_own_parser(fleet: Fleet) -> None:
    machine = fleet.machine
    fleet.push("greeter:4", "plain4", PLAIN)
    machine.appctl("install", "-y", "acme/greeter:4")
    machine.appctl("remote", "disable", "acme")
    machine.appctl("update", code=4)
    place = machine.directory / "appctl.prom"
    machine.appctl("metrics", str(place))
    machine.appctl("remote", "enable", "acme")
    samples = {
        (sample.name, *(value for name, value in sample.labels.items() if name != "scope")): sample.value
        for family in text_string_to_metric_families(place.read_text())
        for sample in family.samples
    }
    expiry = samples["appctl_remote_key_expiry_timestamp_seconds", "acme", fleet.key]
    assert expiry > time.time() + 600 * 86_400
    assert samples["appctl_app_info", fleet.app, "acme", "plain4"] == 1
    assert samples["appctl_history_failures", "update", "PolicyDenied"] >= 1
    assert samples["appctl_remote_enabled", "acme"] == 0
    assert samples["appctl_installed_bytes", "acme"] > 0
    assert samples["appctl_downloaded_bytes", "acme"] > 0
    assert samples["appctl_history_last_success_timestamp_seconds", "install"] > 0
