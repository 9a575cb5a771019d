# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""docs/software-centers.md as its reader uses it, and what busctl, gdbus and GIO see of a job and its app.

The daemon is a user's, on a bus that stands in for the system's: the lines say --system.
"""

import asyncio
import re
import subprocess
import sys
import textwrap
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from appctld.bus.wire import schema
from support.buses.bus import JOB, MANAGER, NAME, ROOT, Client, client
from support.buses.bus_service import INTERFACES
from support.buses.declared import of_arguments, of_properties
from support.images.greeter import APP_ID, build
from support.machines.called import Near
from support.machines.machine import Machine
from support.publishers.publisher import Publisher
from support.services.polkit_rows import rows

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/software-centers.md"
TEXT = DOCUMENT.read_text("utf-8")
LINE = re.compile(r"^    ((?:gdbus|busctl) .*)(?:\n    Error: (\S+))?$", re.MULTILINE)
LINES = [(found[1], found[2] or "") for found in LINE.finditer(TEXT)]
JOB_PATH = re.compile(rf"{ROOT}/job/\d+")
METADATA = f"[Application]\nname={APP_ID}\ncommand=/usr/bin/greet\n[Context]\nshared=network;\n"
FINISHED = {"succeeded", "failed", "cancelled", "partly-failed", "needs-approval"}
SECONDS = 60.0
FOUND = schema.load(INTERFACES)


@dataclass
class Shop:
    """A machine, a publisher of an app that wants the network, the last job and the last preview's hash."""

    machine: Machine
    push: Callable[[int], None]
    job: str = ""
    hash: str = ""

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run a line as a shell would."""
        return subprocess.run(
            ["bash", "-c", JOB_PATH.sub(self.job, command).replace("HASH", self.hash)],
            env=self.environment,
            cwd=self.machine.directory,
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
        )

    @property
    def address(self) -> str:
        return self.machine.environment["DBUS_SESSION_BUS_ADDRESS"]

    @property
    def environment(self) -> dict[str, str]:
        return {**self.machine.environment, "DBUS_SYSTEM_BUS_ADDRESS": self.address}

    def is_not_there(self) -> None:
        """Whatever a test before did."""
        self.machine.appctl("uninstall", "-y", APP_ID, code=None)

    def ended(self) -> str:
        """The last job's final state."""

        async def scenario() -> str:
            end = time.monotonic() + SECONDS
            async with client(self.address) as caller:
                while (found := await caller.get_all(self.job, JOB))["State"] not in FINISHED:
                    assert time.monotonic() < end, found
                    await asyncio.sleep(0.02)
            return str(found["State"])

        return asyncio.run(scenario())

    def ends(self, look: str) -> str:
        """The same, asked for again and again by this line."""
        end = time.monotonic() + SECONDS
        while True:
            words: set[str] = set(re.findall(r"[\w-]+", self.run(look).stdout))
            if words & FINISHED:
                return (words & FINISHED).pop()
            assert time.monotonic() < end, words


LOOK = {
    "gdbus": f"gdbus call --system --dest {NAME} --object-path {ROOT}/job/1"
    f" --method org.freedesktop.DBus.Properties.Get {JOB} State",
    "busctl": f"busctl --system get-property {NAME} {ROOT}/job/1 {JOB} State",
}


@pytest.fixture(scope="module")
def shop(publisher: Publisher, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    work = tmp_path_factory.mktemp("shop")
    (work / "layers").mkdir()
    build(publisher.layout, work / "layers", 1)
    key = publisher.keys.make("acme")
    file = work / "acme.asc"
    file.write_bytes(publisher.keys.export(key, armor=True))

    def push(version: int) -> None:
        publisher.push_version(f"{version}.0", "acme/greeter:stable", METADATA, key, version)

    with Near(work / "machine", measured=False) as machine:
        machine.add_remote(
            "acme", f"oci+http://{publisher.registry.host}/acme", file, publisher.lookaside.url
        )
        push(1)
        (machine.directory / "acme.appctlremote").write_text(
            "[Appctl Remote]\nVersion=1\nName=other\nUrl=https://registry.example.org/other\n"
            f"GPGKey={b64encode(publisher.keys.export(key)).decode()}\n"
        )
        yield Shop(machine, push)


def test_every_method_has_a_line() -> None:
    lines = "\n".join(command for command, _ in LINES if command.startswith("gdbus call"))
    names = [f"{name}.{method}" for name, found in FOUND.items() for method in found.methods]
    assert [name for name in names if f"--method {name}" not in lines] == []


ROW = re.compile(r"^\| (?:`([\w-]+)`|nobody is asked) \| ?(\w*) \| (.*) \|$", re.MULTILINE)


def said_of_actions() -> set[tuple[str, str, str]]:
    """(action, method, option), as the table of the document has it; no action where nobody is asked."""
    table = TEXT.partition("## Who may call what")[2].partition("\n## ")[0]
    found: set[tuple[str, str, str]] = set()
    for action, _, cell in ROW.findall(table):
        for group in cell.split("; "):
            methods, _, options = group.partition(" with ")
            given = re.findall(r"`([\w-]+)`", options) or [""]
            found |= {
                (action, method, option) for method in re.findall(r"`(\w+)`", methods) for option in given
            }
    return found


def test_the_table_of_actions_is_that_of_the_xml() -> None:
    plain = {row.method: row.actions for row in rows() if not row.option}
    assert said_of_actions() == {
        (action, row.method, row.option)
        for row in rows()
        for action in row.actions or ("",)
        if not row.option or action not in plain[row.method]
    }


TOLD = [f".{name} (" for name in ("InterfacesAdded", "InterfacesRemoved", "PropertiesChanged")]
TOLD += [f"{MANAGER}.{name} (" for name in ("AppsChanged", "UpdatesChanged", "RemotesChanged")]


def waits(happened: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + SECONDS
    while not happened():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def test_every_line_does_what_it_says(shop: Shop, tmp_path: Path) -> None:
    """In order; every job that one of them starts succeeds."""
    said = tmp_path / "said"
    listen = ["gdbus", "monitor", "--system", "--dest", NAME]
    with said.open("w") as file, subprocess.Popen(listen, env=shop.environment, stdout=file) as monitor:
        try:
            waits(lambda: "is owned by" in said.read_text(), "nobody listens")
            for command, error in LINES:
                if f"{MANAGER}.CheckUpdates" in command:
                    shop.push(2)
                ran = shop.run(command)
                assert (ran.returncode == 0) == (not error), (command, ran)
                assert error in ran.stderr, (command, ran)
                if shown := re.search(r"'permissions-hash': <'([0-9a-f]{64})'>", ran.stdout):
                    shop.hash = shown[1]
                if started := re.fullmatch(rf"\(objectpath '({ROOT}/job/\d+)',\)\n", ran.stdout):
                    shop.job = started[1]
                    assert shop.ended() == "succeeded", (command, shop.run(LOOK["gdbus"]))
            waits(lambda: all(word in said.read_text() for word in TOLD), "a signal does not come")
        finally:
            monitor.terminate()
    assert "JobFinished" not in said.read_text(), "that goes to who started it"


def test_the_program_asks_and_installs(shop: Shop, tmp_path: Path) -> None:
    (program,) = re.findall(r"^```python\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    file = tmp_path / "install.py"
    file.write_text(program)

    def run(*arguments: str) -> list[str]:
        command = [sys.executable, "-W", "ignore", str(file), *arguments]
        done = subprocess.run(
            command, env=shop.environment, capture_output=True, text=True, check=False, timeout=SECONDS
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.splitlines()

    shop.is_not_there()
    lines = run("acme/greeter:stable")
    assert lines[-1] == "It asks for ('shared', 'network', 'leaves the sandbox')"
    assert APP_ID not in shop.machine.appctl("list").out
    lines = run("acme/greeter:stable", "yes")
    assert lines[-1].split() == ["succeeded"]
    assert any(line.startswith("install: running ") for line in lines)
    assert APP_ID in shop.machine.appctl("list").out


@pytest.mark.parametrize(
    ("tool", "command"),
    [
        ("gdbus", f"gdbus call --system --dest {NAME} -o {ROOT} -m {MANAGER}.CheckUpdates '{{}}'"),
        ("busctl", f"busctl --system call {NAME} {ROOT} {MANAGER} CheckUpdates 'a{{sv}}' 0"),
    ],
)
def test_a_job_is_followed_to_its_end_by(shop: Shop, tool: str, command: str) -> None:
    started = JOB_PATH.search(shop.run(command).stdout)
    assert started is not None
    shop.job = started[0]
    assert shop.ends(LOOK[tool]) == "succeeded"


GIO = """
    import sys
    from gi.repository import Gio, GLib

    NAME, ROOT = "org.appctl.Installer1", "/org/appctl/Installer1"
    bus = Gio.bus_get_sync(Gio.BusType.SYSTEM)
    manager = Gio.DBusObjectManagerClient.new_sync(bus, 0, NAME, ROOT, None, None, None)
    loop = GLib.MainLoop()
    def changed(_manager, item, proxy, values, _gone):
        if "/job/" in item.get_object_path() and "State" in values.unpack():
            said(f"job {values.unpack()['State']}")

    def said(what):
        print(what, flush=True)
        if what in {"job succeeded", "job failed", "job needs-approval"}:
            loop.quit()

    def kind(item):
        return item.get_object_path().split("/")[4]

    manager.connect("object-added", lambda _manager, item: said(f"added {kind(item)}"))
    manager.connect("object-removed", lambda _manager, item: said(f"removed {kind(item)}"))
    manager.connect("interface-proxy-properties-changed", changed)

    def call(method, names, options):
        arguments = GLib.Variant("(asa{sv})", (names, options))
        bus.call_sync(NAME, ROOT, f"{NAME}.Manager", method, arguments, None, 0, -1, None)
        loop.run()

    call("Install", ["acme/greeter:stable"], {"accept-permissions": GLib.Variant("s", sys.argv[1])})
    call("Uninstall", ["org.appctl.Greeter"], {})
"""


def test_gio_follows_jobs_and_sees_an_app_come_and_go(shop: Shop) -> None:
    shop.is_not_there()
    preview = shop.machine.appctl("install", "--dry-run", "acme/greeter:stable", "--json").json
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "ignore",
            "-c",
            textwrap.dedent(GIO),
            preview["previews"][0]["permissions_hash"],
        ],
        env=shop.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert (done.returncode, done.stderr) == (0, "")
    told = done.stdout.splitlines()
    ends = [place for place, line in enumerate(told) if line == "job succeeded"]
    assert len(ends) == 2
    assert {"added job", "added app", "job running"} <= set(told[: ends[0]])
    assert {"added job", "removed app"} <= set(told[ends[0] : ends[1]])


async def everything(caller: Client, file: bytes) -> tuple[set[str], list[str]]:
    """The interfaces that are there, and what the daemon sends that the XML does not declare."""
    found: list[str] = []
    _, (objects,) = await caller.call("GetManagedObjects", interface="org.freedesktop.DBus.ObjectManager")
    for interfaces in objects.values():
        for interface, values in interfaces.items():
            found += of_properties(FOUND[interface], values)
    calls: list[tuple[str, str, object]] = [
        ("List", "a{sv}", {}),
        ("History", "a{sv}", {}),
        ("GetPermissions", "s", APP_ID),
        ("ResolveFile", "ay", file),
    ]
    for member, signature, argument in calls:
        error, answer = await caller.call(member, signature, argument)
        assert not error, (member, answer)
        found += of_arguments(answer, FOUND[MANAGER].methods[member].outs)
    return {interface for interfaces in objects.values() for interface in interfaces}, found


def test_no_key_is_sent_that_the_xml_does_not_declare(shop: Shop) -> None:
    """Of an app with a history, of remotes, and of the jobs that were there until now with their results."""
    shop.machine.appctl("install", "-y", "acme/greeter:stable")

    async def scenario() -> tuple[set[str], list[str]]:
        async with client(shop.address) as caller:
            return await everything(caller, (shop.machine.directory / "acme.appctlremote").read_bytes())

    assert asyncio.run(scenario()) == ({f"{NAME}.App", f"{NAME}.Remote", JOB}, [])
