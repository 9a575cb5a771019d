# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl doctor` on real causes: what is wrong is found, named and told how to mend, and nothing else is.

Files of the system are hidden, and namespaces forbidden, by a sandbox around the client alone.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from appctl.terminal.show import date
from support.descriptors import descendants
from support.layers.tarball import archive, entry
from support.machines.machine import BIN, Machine
from support.publishers.publisher import Publisher
from support.servers.shelf import Shelf

DAY = 86_400
PATIENCE = 60.0  # seconds on a busy machine until something must have happened
OUTSIDE = ("bwrap", "--dev-bind", "/", "/")
NO_PORTAL = {"portal": "warning"}  # no test's bus has any


class Seen(NamedTuple):
    """What doctor says: exit code, level of each check, and messages with hints by check."""

    code: int
    levels: dict[str, str]
    told: dict[str, str]

    @property
    def bad(self) -> dict[str, str]:
        """What is not as it should be."""
        return {check: level for check, level in self.levels.items() if level != "ok"}


def doctor(machine: Machine, *around: str, **environment: str) -> Seen:
    """Run it, with a sandbox around it perhaps."""
    command = [*around, str(BIN / "appctl"), "doctor", "--json"]
    done = subprocess.run(
        command, env={**machine.environment, **environment}, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    document = json.loads(done.stdout)
    levels: dict[str, str] = {}
    told: dict[str, str] = {}
    for finding in document["checks"]:
        name = finding["check"]
        levels[name] = max(levels.get(name, "ok"), finding["level"], key=["ok", "warning", "problem"].index)
        told[name] = f"{told.get(name, '')}{finding['message']} -> {finding['hint']}\n"
        assert bool(finding["hint"]) == (finding["level"] != "ok"), finding
    assert document["well"] == (done.returncode == 0) == ("problem" not in levels.values())
    return Seen(done.returncode, levels, told)


class Ward(NamedTuple):
    """A machine that is well but for portals, and who publishes for it."""

    machine: Machine
    publisher: Publisher
    keys: Path

    def finds(self, check: str, level: str, *says: str, around: tuple[str, ...] = (), **more: str) -> Seen:
        """Look; that check alone is not well. What was seen."""
        seen = doctor(self.machine, *around, **more)
        assert seen.bad == {check: level} | NO_PORTAL, seen.told
        assert seen.code == (level == "problem")
        for words in says:
            assert words in seen.told[check]
        return seen


@pytest.fixture(scope="module")
def ward(publisher: Publisher, settled: Machine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    """Each test puts right what it made wrong: the next one that `finds` would see it, the last time this."""
    yield Ward(settled, publisher, tmp_path_factory.mktemp("keys"))
    assert doctor(settled).bad == NO_PORTAL


def hiding(*paths: str) -> tuple[str, ...]:
    """A view of this machine in which those programs are no programs."""
    hidden = [word for path in paths for word in ("--ro-bind", "/dev/null", os.path.realpath(path))]
    return (*OUTSIDE, *hidden)


def test_a_machine_that_is_well(ward: Ward) -> None:
    seen = doctor(ward.machine)
    assert (seen.code, seen.bad) == (0, NO_PORTAL)
    assert list(seen.levels) == [
        "daemon", "bubblewrap", "user-namespaces", "seccomp", "gpgv", "gpg", "gzip", "zstd", "igzip",
        "xdg-dbus-proxy", "libostree", "ca-bundle", "proxy", "routes", "clock", "state", "space", "remotes",
        "policy", "keys", "leftovers", "runtime-directory", "portal",
    ]  # fmt: skip


def test_people_see_a_table_and_quiet_people_the_problem_that_no_daemon_is(ward: Ward) -> None:
    ran = ward.machine.appctl("doctor")
    assert "ok       daemon" in ran.out
    assert "warning  portal" in ran.out
    assert "                 hint: apt install xdg-desktop-portal" in ran.out
    assert ran.out.endswith("\n\n1 warning in the user scope.\n")
    assert ward.machine.appctl("doctor", "-q").out == ""
    with no_daemon(ward):
        ward.finds("daemon", "problem", "cannot be reached")
        ran = ward.machine.appctl("doctor", "-q", code=1)
        assert ran.out == ""
        assert ran.err.startswith("problem  daemon")
        assert ran.err.count("problem") == 1


@contextlib.contextmanager
def no_daemon(ward: Ward) -> Iterator[None]:
    ward.machine.stop()
    try:
        yield
    finally:
        ward.machine.start()


def test_no_bus(ward: Ward) -> None:
    ward.finds("daemon", "problem", "session bus", DBUS_SESSION_BUS_ADDRESS="unix:path=/nowhere")


PACKAGES = {  # each program's, and how bad it is that it is missing
    "gpgv": ("gpgv", "problem"),
    "gpg": ("gnupg", "problem"),
    "gzip": ("gzip", "problem"),
    "zstd": ("zstd", "problem"),
    "igzip": ("isal", "warning"),
    "xdg-dbus-proxy": ("xdg-dbus-proxy", "warning"),
}


def test_programs_that_are_missing_are_named_with_their_packages(ward: Ward) -> None:
    seen = doctor(ward.machine, *hiding(*(f"/usr/bin/{program}" for program in PACKAGES)))
    for program, (package, level) in PACKAGES.items():
        assert seen.levels[program] == level
        assert f"apt install {package}" in seen.told[program]
    without_keys = {"keys": "problem"}  # gpg reads them
    assert seen.bad == {program: level for program, (_, level) in PACKAGES.items()} | without_keys | NO_PORTAL


def test_without_igzip_and_a_proxy_all_goes_on(ward: Ward) -> None:
    seen = doctor(ward.machine, *hiding("/usr/bin/igzip", "/usr/bin/xdg-dbus-proxy"))
    assert (seen.code, seen.bad) == (0, {"igzip": "warning", "xdg-dbus-proxy": "warning"} | NO_PORTAL)


def test_without_bubblewrap_nothing_is_run(ward: Ward) -> None:
    ward.finds("bubblewrap", "problem", "apt install bubblewrap", around=hiding("/usr/bin/bwrap"))


def test_a_machine_that_forbids_namespaces(ward: Ward) -> None:
    around = ("bwrap", "--unshare-user", "--disable-userns", "--dev-bind", "/", "/")
    seen = doctor(ward.machine, *around)
    assert (seen.code, seen.levels["bubblewrap"], seen.levels["user-namespaces"]) == (1, "ok", "problem")
    assert "no sandbox starts" in seen.told["user-namespaces"]


def test_without_libostree(ward: Ward) -> None:
    (typelib,) = Path("/usr/lib").glob("*/girepository-1.0/OSTree-1.0.typelib")
    around = (*OUTSIDE, "--tmpfs", str(typelib.parent))
    ward.finds("libostree", "problem", "apt install gir1.2-ostree-1.0", around=around)


def test_a_bundle_without_an_authority(ward: Ward) -> None:
    ward.finds(
        "ca-bundle", "problem", "update-ca-certificates", around=hiding("/etc/ssl/certs/ca-certificates.crt")
    )


def test_a_proxy_is_named_without_its_login(ward: Ward) -> None:
    proxy = "http://alice:secret@proxy.example:3128"
    seen = ward.finds("proxy", "warning", "https_proxy=http://…@proxy.example:3128", https_proxy=proxy)
    assert "secret" not in seen.told["proxy"]


def test_each_remote_is_told_with_what_it_is_reached_by(ward: Ward, tmp_path: Path) -> None:
    url = f"oci+http://{ward.publisher.registry.host}/routes"
    ward.machine.appctl(
        "remote", "add", "routes", url, "--verify", "digest", "--set", "proxy=http://proxy.corp:1"
    )
    told = doctor(ward.machine).told["routes"]
    ward.machine.appctl("remote", "remove", "-y", "routes")
    assert "remote routes: no TLS; proxy http://proxy.corp:1, as its file says -> " in told
    assert "remote acme: no TLS; no proxy -> " in told


def test_a_mask_of_what_is_not_shipped_is_nothing(ward: Ward) -> None:
    mask = ward.machine.configuration / "shipped.conf"
    mask.write_text("[remote]\nenabled = no\n")
    assert doctor(ward.machine).bad == NO_PORTAL
    mask.unlink()


def test_something_was_written_in_the_future(ward: Ward) -> None:
    history = ward.machine.state / "history.jsonl"
    before = history.stat()
    os.utime(history, (before.st_atime, before.st_mtime + 400 * DAY))
    try:
        ward.finds("clock", "warning", "timedatectl")
    finally:
        os.utime(history, (before.st_atime, before.st_mtime))


def test_a_state_directory_that_is_read_only(ward: Ward) -> None:
    ward.machine.state.chmod(0o555)
    try:
        ward.finds("state", "problem", str(ward.machine.state))
    finally:
        ward.machine.state.chmod(0o755)


def test_a_file_system_that_is_read_only(ward: Ward) -> None:
    state = str(ward.machine.state)
    ward.finds("state", "problem", "read-only", around=(*OUTSIDE, "--ro-bind", state, state))


@pytest.mark.parametrize("setting", ["min-free-space-size=900000GB", "min-free-space-percent=100"])
def test_a_disk_that_is_full_but_for_the_reserve(ward: Ward, setting: str) -> None:
    config = ward.machine.state / "repo/config"
    before = config.read_text()
    lines = [line for line in before.splitlines() if not line.startswith("min-free-space")]
    config.write_text("\n".join(lines).replace("[core]", f"[core]\n{setting}"))
    try:
        ward.finds("space", "problem", "reserve", "appctl prune --dry-run")
    finally:
        config.write_text(before)


def test_a_remotes_file_that_nobody_can_read(ward: Ward) -> None:
    file = ward.machine.configuration / "acme.conf"
    file.chmod(0)
    try:
        ward.finds("remotes", "problem", f"{file} cannot be read: Permission denied", f"ls -l {file}")
    finally:
        file.chmod(0o644)


SENSELESS = [  # what a remote's file holds, and what is said of it
    ("[remote]\nurl=quay.io/x\nverify=digest\n[more]\n", "one section"),
    ("url=quay.io/x\n", "no section headers"),
    ("\xff", "decode"),
    ("[remote]\nurl=quay.io/x\nurl=quay.io/y\n", "already exists"),
    ("#" * (65 << 10), "more than 65536 bytes"),
    ("[remote]\nurl=quay.io/x\nverify=digest\nnonsense=yes\n", "the daemon refuses"),
]


def test_remotes_files_that_make_no_sense(ward: Ward) -> None:
    files = {
        ward.machine.configuration / f"broken{number}.conf": made for number, made in enumerate(SENSELESS)
    }
    try:
        for file, (content, _) in files.items():
            file.write_text(content, encoding="latin-1")
        lines = ward.finds("remotes", "problem").told["remotes"].splitlines()
    finally:
        for file in files:
            file.unlink(missing_ok=True)
    for file, (_, says) in files.items():
        assert any(str(file) in line and says in line for line in lines), lines


def test_a_remote_that_is_disabled(ward: Ward) -> None:
    ward.machine.appctl("remote", "disable", "acme")
    try:
        ward.finds("remotes", "warning", "acme is disabled", "appctl remote enable acme")
    finally:
        ward.machine.appctl("remote", "enable", "acme")


@contextlib.contextmanager
def trusting(ward: Ward, name: str, *keys: str) -> Iterator[None]:
    """A remote with these keys, for a while."""
    file = ward.keys / f"{name}.asc"
    file.write_bytes(ward.publisher.keys.export(*keys, armor=True))
    ward.machine.add_remote(name, f"https://{name}.example/x", file)
    try:
        yield
    finally:
        ward.machine.appctl("remote", "remove", name, "-y")


def test_a_key_that_expires_soon(ward: Ward) -> None:
    key = ward.publisher.keys.make("soon", expire="10d")
    with trusting(ward, "soon", key):
        ward.finds(
            "keys", "warning", f"{key[:4]}…{key[-4:]} of remote soon expires on", "appctl help key-change"
        )
        shown = ward.machine.appctl("remote", "show", "soon").out
        (told,) = ward.machine.appctl("remote", "show", "soon", "--json").json["keys"]
        on = date(told["expires"])
        assert f'Trusts:       {key} "soon <soon@example.org>", expires on {on}\n' in shown
        assert (told["fingerprint"], told["names"]) == (key, ["soon <soon@example.org>"])
        assert (told["kind"], told["lost"], told["counts"]) == ("gpg", "", True)
        assert 9 * DAY < told["expires"] - time.time() < 11 * DAY


def test_a_remote_of_which_every_key_has_expired(ward: Ward) -> None:
    key = ward.publisher.keys.make("late", expire="seconds=86400", at=int(time.time()) - 10 * DAY)
    with trusting(ward, "late", key):
        ward.finds("keys", "problem", "of remote late has expired")


def test_one_of_two_keys_was_revoked(ward: Ward) -> None:
    gone, good = ward.publisher.keys.make("gone"), ward.publisher.keys.make("good")
    ward.publisher.keys.revoke(gone)
    with trusting(ward, "two", gone, good):
        ward.finds("keys", "warning", f"{gone[:4]}…{gone[-4:]} of remote two was revoked")


@pytest.mark.parametrize("content", [b"no keyring", None])
def test_a_keyring_that_is_none(ward: Ward, content: bytes | None) -> None:
    ring = ward.machine.configuration / "acme.gpg"
    before = ring.read_bytes()
    ring.unlink()
    if content is not None:
        ring.write_bytes(content)
    try:
        seen = doctor(ward.machine)
        assert (seen.code, seen.levels["keys"]) == (1, "problem")
        assert "remote acme has no key that can be read" in seen.told["keys"]
    finally:
        ring.write_bytes(before)


def power_fails(machine: Machine) -> None:
    """End the daemon and its workers at once; one that sees the others go would clear up."""
    assert machine.daemon is not None
    workers = descendants(machine.daemon.pid)
    for worker in workers:
        os.kill(worker, signal.SIGSTOP)
    machine.stop(kill=True)
    for worker in workers:
        with contextlib.suppress(ProcessLookupError):  # some die with whoever started them
            os.kill(worker, signal.SIGKILL)


def test_a_download_that_a_power_failure_cut_short(ward: Ward) -> None:
    with Shelf() as shelf:
        image = shelf.put("slow/app", [archive(entry(b"large", content=os.urandom(4 << 20)))])
        shelf.stall_once(image.layers[0])
        ward.machine.add_remote("slow", f"oci+http://{shelf.host}/slow", None, "", "--verify", "digest")
        command = [str(BIN / "appctl"), "install", "-y", image.reference]
        with subprocess.Popen(command, env=ward.machine.environment, stderr=subprocess.PIPE) as client:
            _wait_for(lambda: any(ward.machine.state.glob("blobs/*/.unverified-*")))
            seen = doctor(ward.machine)
            assert (seen.levels["leftovers"], "a job runs" in seen.told["leftovers"]) == ("ok", True)
            power_fails(ward.machine)
            client.communicate()
        seen = doctor(ward.machine)
        assert seen.bad == {"daemon": "problem", "leftovers": "warning"} | NO_PORTAL
        assert ".unverified-" in seen.told["leftovers"]
        ward.machine.start()
        ward.machine.appctl("remote", "remove", "slow", "-y")


def test_a_deployment_without_a_record(ward: Ward) -> None:
    half = ward.machine.state / "apps/org.acme.Half/0123456789ab.1"
    half.mkdir(parents=True)
    try:
        ward.finds("leftovers", "warning", "apps/org.acme.Half/0123456789ab.1")
    finally:
        half.rmdir()
        half.parent.rmdir()


def test_no_runtime_directory(ward: Ward) -> None:
    ward.finds("runtime-directory", "warning", "XDG_RUNTIME_DIR is not set", XDG_RUNTIME_DIR="")
    ward.finds("runtime-directory", "warning", "no directory of yours", XDG_RUNTIME_DIR="/usr")
    run = str(ward.machine.directory / "run")
    around = (*OUTSIDE, "--ro-bind", run, run)
    ward.finds("runtime-directory", "problem", "no app starts", f"findmnt -T {run}", around=around)


def test_root_is_told_to_be_somebody_else(ward: Ward) -> None:
    seen = doctor(ward.machine, "unshare", "--user", "--map-root-user")
    assert seen.levels["user"] == "warning"


HOLDER = """
import sys
from jeepney import DBusAddress, new_method_call
from jeepney.io.blocking import open_dbus_connection
bus = DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus")
connection = open_dbus_connection("SESSION")
request = new_method_call(bus, "RequestName", "su", (sys.argv[1], 0))
print(connection.send_and_get_reply(request).body, flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def held(ward: Ward, name: str) -> Iterator[None]:
    """Somebody on the bus under that name."""
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", HOLDER, name]
    with subprocess.Popen(command, env=ward.machine.environment, stdin=pipe, stdout=pipe) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        yield
        holder.send_signal(signal.SIGTERM)


def test_a_session_with_portals(ward: Ward) -> None:
    with held(ward, "org.freedesktop.portal.Desktop"):
        assert doctor(ward.machine).bad == {}


ACTIONS = Path(__file__).resolve().parents[2] / "data/polkit/org.appctl.Installer1.policy"
POLKIT = "/usr/share/polkit-1/actions"


def test_polkit_in_the_system_scope(ward: Ward) -> None:
    system = {
        "DBUS_SYSTEM_BUS_ADDRESS": ward.machine.environment["DBUS_SESSION_BUS_ADDRESS"],
        "APPCTL_SCOPE": "system",
    }
    assert "apt install polkitd" in doctor(ward.machine, **system).told["polkit"]
    bare = (*OUTSIDE, "--tmpfs", POLKIT)
    with held(ward, "org.freedesktop.PolicyKit1"):
        seen = doctor(ward.machine, *bare, **system)
        assert "knows none of appctl's actions" in seen.told["polkit"]
        assert "/var/lib/appctl is missing" in seen.told["state"]
        whole = (*bare, "--ro-bind", str(ACTIONS), f"{POLKIT}/{ACTIONS.name}")
        assert doctor(ward.machine, *whole, **system).levels["polkit"] == "ok"


def _wait_for(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.02)
