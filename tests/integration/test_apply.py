# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl apply` and `appctl metrics` on a machine with real images: what the files say is what is there."""

from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from support.greeter import build
from support.images import CREATED, Settings
from support.machine import Machine
from support.publisher import Publisher

DOCUMENT = Path(__file__).parents[2] / "docs/administrators.md"
PLAIN = "[Application]\nname=org.appctl.Greeter\ncommand=/usr/bin/greet\n"
NETWORK = PLAIN + "[Context]\nshared=network;\n"
GREETER = "org.appctl.Greeter"


class Fleet:
    """A machine, a publisher that it trusts, and the directory that says what it is to have."""

    def __init__(self, machine: Machine, publisher: Publisher, work: Path) -> None:
        self.machine, self.publisher, self.work = machine, publisher, work
        self.directory = machine.configuration.parent / "apps.d"
        (work / "layers").mkdir()
        build(publisher.layout, work / "layers", 1)
        self.key = publisher.keys.make("acme")
        file = work / "acme.asc"
        file.write_bytes(publisher.keys.export(self.key, armor=True))
        url = f"oci+http://{publisher.registry.host}/acme"
        machine.add_remote("acme", url, file, publisher.lookaside.url)
        self.directory.mkdir()

    def push(self, tag: str, name: str, metadata: str, day: int, app: str = GREETER) -> None:
        """Publish greeter with that metadata as `acme/name`."""
        layer = self.work / tag
        (layer / "app").mkdir(parents=True)
        (layer / "app/metadata").write_text(metadata)
        labels = {
            "org.appctl.id": app, "org.appctl.metadata": metadata, "org.opencontainers.image.version": tag,
        }  # fmt: skip
        settings = Settings(labels=labels, created=CREATED + timedelta(days=day))
        self.publisher.layout.build(tag, [layer], settings, base="v1")
        self.publisher.push(tag, f"acme/{name}", self.key)

    def declare(self, name: str, *lines: str) -> Path:
        """Write one file of apps.d."""
        path = self.directory / f"{name}.conf"
        path.write_text("\n".join(["[app]", *lines, ""]))
        return path

    def versions(self) -> dict[str, str]:
        """What is installed."""
        return {app["id"]: app["version"] for app in self.machine.appctl("list", "--json").json}


@pytest.fixture
def fleet(machine: Machine, publisher: Publisher, tmp_path: Path) -> Fleet:
    return Fleet(machine, publisher, tmp_path)


def test_the_example_of_the_document_applies(fleet: Fleet) -> None:
    text = DOCUMENT.read_text().partition("## Apply")[2].partition("| key |")[0]
    example = "".join(
        line.removeprefix("    ") for line in text.splitlines(keepends=True) if line.startswith("    ")
    )
    fleet.push("example", "greeter:1", NETWORK, 2)
    (fleet.directory / "greeter.conf").write_text(example)
    assert "Installed org.appctl.Greeter example." in fleet.machine.appctl("apply").out
    assert fleet.machine.appctl("apply", "--json").json["changed"] is False


def test_a_machine_becomes_what_its_files_say_and_stays_so(fleet: Fleet) -> None:
    machine = fleet.machine
    fleet.push("network", "greeter:6", NETWORK, 2)
    file = fleet.declare("greeter", "ref=acme/greeter:6")
    refused = machine.appctl("apply", code=6)
    assert str(file) in refused.err
    (told,) = [line for line in refused.err.splitlines() if line.startswith("hint: ")]
    assert fleet.versions() == {}

    file.write_text(f"{file.read_text()}{told.removeprefix('hint: ').split()[0]}\n")
    assert machine.appctl("apply", "--dry-run", "--json").json["apps"][0]["actions"] == ["install"]
    assert fleet.versions() == {}
    assert machine.appctl("apply", "--noninteractive", "--json").json["changed"] is True
    assert fleet.versions() == {GREETER: "network"}
    machine.appctl("remote", "disable", "acme")  # so that whoever asked it anything would be refused
    again = machine.appctl("apply", "--json").json
    assert (again["changed"], again["errors"]) == (False, [])
    machine.appctl("remote", "enable", "acme")


def test_an_update_with_new_permissions_comes_when_their_hash_is_written_down(fleet: Fleet) -> None:
    machine = fleet.machine
    fleet.push("plain2", "greeter:2", PLAIN, 2)
    file = fleet.declare("greeter", "ref=acme/greeter:2")
    machine.appctl("apply")
    fleet.push("network2", "greeter:2", NETWORK, 3)
    assert machine.appctl("apply", "--json").json["changed"] is False
    (error,) = machine.appctl("update", "-y", "--json", code=6).json["errors"]
    approved = error["details"]["permissions_hash"]
    file.write_text(f"{file.read_text()}permissions-hash={approved}\n")
    assert "Updated org.appctl.Greeter network2." in machine.appctl("apply").out
    assert fleet.versions() == {GREETER: "network2"}
    machine.appctl("remote", "disable", "acme")
    assert machine.appctl("apply", "--json").json["changed"] is False


def test_two_tags_of_one_app_stand_side_by_side_and_one_is_held(fleet: Fleet) -> None:
    machine = fleet.machine
    for number, tag in ((1, "old"), (2, "new")):
        fleet.push(f"{tag}5", f"greeter:{tag}", PLAIN, number + 1)
    fleet.declare("new", "ref=acme/greeter:new")
    fleet.declare("old", "ref=acme/greeter:old", "as=org.appctl.Greeter.Old", "hold=yes")
    told = machine.appctl("apply", "--json").json
    assert [app["actions"] for app in told["apps"]] == [["install"], ["install", "hold"]]
    assert fleet.versions() == {GREETER: "new5", "org.appctl.Greeter.Old": "old5"}
    fleet.push("newer5", "greeter:old", PLAIN, 4)
    machine.appctl("update")
    assert fleet.versions()["org.appctl.Greeter.Old"] == "old5"
    assert machine.appctl("apply", "--prune", "--json").json["changed"] is False


def test_prune_removes_what_no_file_names_and_never_data(fleet: Fleet) -> None:
    machine = fleet.machine
    fleet.push("plain3", "greeter:3", PLAIN, 2)
    fleet.push("other", "other:1", PLAIN.replace("Greeter", "Other"), 2, app="org.appctl.Other")
    machine.appctl("install", "-y", "acme/other:1")
    data = machine.directory / "home/.var/app/org.appctl.Other"
    data.mkdir(parents=True)
    fleet.declare("greeter", "ref=acme/greeter:3")
    assert machine.appctl("apply", "--json").json["removed"] == []
    assert sorted(fleet.versions()) == [GREETER, "org.appctl.Other"]
    assert "Removed org.appctl.Other, which no file names." in machine.appctl("apply", "--prune").out
    assert sorted(fleet.versions()) == [GREETER]
    assert data.is_dir()


def test_the_metrics_of_a_real_machine_are_read_by_prometheus_own_parser(fleet: Fleet) -> None:
    machine = fleet.machine
    fleet.push("plain4", "greeter:4", PLAIN, 2)
    machine.appctl("install", "-y", "acme/greeter:4")
    machine.appctl("remote", "disable", "acme")
    machine.appctl("update", code=4)
    place = machine.directory / "appctl.prom"
    machine.appctl("metrics", str(place))
    samples = {
        (sample.name, *(value for name, value in sample.labels.items() if name != "scope")): sample.value
        for family in text_string_to_metric_families(place.read_text())
        for sample in family.samples
    }
    assert samples["appctl_app_info", GREETER, "acme", "plain4"] == 1
    assert samples["appctl_history_failures", "update", "PolicyDenied"] == 1
    assert samples["appctl_remote_enabled", "acme"] == 0
    assert samples["appctl_installed_bytes", "acme"] > 0
    assert samples["appctl_downloaded_bytes", "acme"] > 0
    assert samples["appctl_history_last_success_timestamp_seconds", "install"] > 0
