# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A real cause of every error, each asked for through the CLI: one function an error.

    CAUSES["NoRemote"].act(town)        runs the CLI, and returns how it ended

scripts/error-table writes what each cause is into docs/errors.md. Where one needs another user on the
machine, `ELSEWHERE` says what shows it.
"""

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from jeepney import DBusAddress, new_method_call
from jeepney.io.blocking import open_dbus_connection

from appctld.trust.clock import date
from support.buses.bus import MANAGER, NAME, ROOT
from support.layers.tarball import archive, entry
from support.machines.machine import BIN, Machine, Ran
from support.publishers.forge import Document, Forgery, digest_of
from support.publishers.publisher import Publisher
from support.servers.fake_registry import FakeServer, Reply, loopback_identity
from support.signatures.keys import payload

NOW = int(time.time())
DAY = 86_400
PATIENCE = 60.0  # seconds on a busy machine until something must have happened
GOOD = archive(entry(b"good", content=b"good" * 100))
PLAIN = "[Application]\nname=org.acme.Wishes\ncommand=/bin/true\n"
NETWORK = PLAIN + "[Context]\nshared=network;\n"

ELSEWHERE = {
    "NotAuthorized": "`tests/integration/test_polkit.py`: a rule of polkit says no",
    "PolkitRequired": "`tests/integration/test_polkit.py`: polkitd has to ask, and nobody is there",
}


class Town:
    """A machine that trusts `acme`, whose images lie in a real registry, and servers that misbehave."""

    def __init__(self, machine: Machine, publisher: Publisher, work: Path) -> None:
        self.machine = machine
        self.publisher = publisher
        self.work = work
        self.key = publisher.keys.make("acme", at=NOW - 400 * DAY)
        self.file = work / "acme.asc"
        self.file.write_bytes(publisher.keys.export(self.key, armor=True))
        self.trust("acme", f"oci+http://{publisher.registry.host}/acme")
        self._stack = ExitStack()

    def close(self) -> None:
        """End the servers."""
        self._stack.close()

    def trust(self, name: str, url: str, *more: str) -> None:
        """Trust the publisher for a prefix."""
        self.machine.add_remote(name, url, self.file, self.publisher.lookaside.url, *more)

    def push(self, name: str, forgery: Forgery | None = None, *, at: int | None = None) -> str:
        """Publish an image below `acme/`, signed; its reference."""
        (forgery or Forgery([GOOD])).push(self.publisher, f"acme/{name}:1", self.key, at=at)
        return self.reference(name)

    def reference(self, name: str) -> str:
        """What people type."""
        return f"{self.publisher.registry.host}/acme/{name}:1"

    def asks(self, *words: str) -> Ran:
        """Run the CLI as a program would."""
        return self.machine.appctl(*words, "--json", code=None)

    def install(self, reference: str) -> Ran:
        """`appctl install`, every question answered."""
        return self.asks("install", "-y", reference)

    def server(self, name: str, **more: object) -> FakeServer:
        """A server that answers as told, and a remote for it."""
        server = FakeServer(**more)  # type: ignore[arg-type]
        self._stack.enter_context(server)
        self.trust(name, server.url.replace("http://", "oci+http://"))
        return server


Act = Callable[[Town], Ran]


class Cause(NamedTuple):
    """What is wrong, in words, and what lets it be wrong and asks the CLI."""

    what: str
    act: Act


CAUSES: dict[str, Cause] = {}


def produces(name: str, what: str) -> Callable[[Act], Act]:
    """Say which error a function is the cause of."""

    def add(act: Act) -> Act:
        CAUSES[name] = Cause(what, act)
        return act

    return add


# --- the publisher is not who the remote says --------------------------------------------------------------


@produces("SignatureMissing", "an image that was pushed and not signed")
def unsigned(town: Town) -> Ran:
    town.push("signed")
    source = f"docker://{town.reference('signed')}"
    target = f"docker://{town.reference('unsigned')}"
    skopeo = ["skopeo", "--insecure-policy", "copy", "--quiet", "--src-tls-verify=false"]
    subprocess.run([*skopeo, "--dest-tls-verify=false", source, target], check=True)
    return town.install(town.reference("unsigned"))


@produces("SignatureInvalid", "a good signature that names another tag")
def another_tag(town: Town) -> Ran:
    digest = Forgery([GOOD]).push(town.publisher, "acme/swapped:1", town.key)
    blob = town.publisher.keys.sign(payload(digest, f"{town.reference('swapped')}0"), town.key)
    town.publisher.lookaside.place("acme/swapped", digest, blob)
    return town.install(town.reference("swapped"))


@produces("UntrustedSigner", "a good signature by a key that the remote does not list")
def another_key(town: Town) -> Ran:
    stranger = town.publisher.keys.make("stranger")
    Forgery([GOOD]).push(town.publisher, "acme/strange:1", stranger)
    return town.install(town.reference("strange"))


# --- the bytes are not what was promised ------------------------------------------------------------------


@produces("DigestMismatch", "a layer that was changed in the registry's storage")
def tampered(town: Town) -> Ran:
    forgery = Forgery([archive(entry(b"tampered", content=b"tampered" * 100))])
    reference = town.push("tampered", forgery)
    stored = town.publisher.registry.blob(digest_of(forgery.blobs[0]))
    data = bytearray(stored.read_bytes())
    data[len(data) // 2] ^= 1
    stored.write_bytes(data)
    return town.install(reference)


# --- what the remote sent is not acceptable ---------------------------------------------------------------


@produces("BadManifest", "a signed image whose config lists more layers than its manifest")
def contradiction(town: Town) -> Ran:
    forgery = Forgery([GOOD])
    forgery.config["rootfs"]["diff_ids"] *= 2
    return town.install(town.push("contradiction", forgery))


@produces("UnsupportedMediaType", "a signed image with a layer of a type that is no tar")
def strange_layer(town: Town) -> Ran:
    return town.install(town.push("media", _changed(mediaType="application/x-strange")))


@produces("ArchMismatch", "a signed image for another processor")
def another_machine(town: Town) -> Ran:
    forgery = Forgery([GOOD])
    forgery.config["architecture"] = "s390x"
    return town.install(town.push("s390x", forgery))


@produces("UnsafeArchive", "a signed layer with an entry `../escape`")
def escape(town: Town) -> Ran:
    return town.install(town.push("escape", Forgery([archive(entry(b"../escape", content=b"x"))])))


@produces("LimitExceeded", "a blob with more bytes than the signed manifest says")
def endless(town: Town) -> Ran:
    forgery = Forgery([archive(entry(b"endless", content=b"endless"))])
    forgery.change_manifest = lambda manifest: manifest["layers"][0].update(
        size=manifest["layers"][0]["size"] - 1
    )
    return town.install(town.push("endless", forgery))


@produces("CredentialScope", "a registry that sends for a token to another host")
def foreign_realm(town: Town) -> Ran:
    server = town.server("elsewhere")
    realm = 'Bearer realm="https://tokens.example/token",service="x"'
    server.on("/v2/x/manifests/1", Reply(401, {"WWW-Authenticate": realm}))
    return town.install(f"{server.host}/x:1")


@produces("TlsUntrusted", "a registry whose certificate no authority signed")
def unknown_ca(town: Town) -> Ran:
    context, _ = loopback_identity(town.work, "127.0.0.1")
    server = town.server("selfmade", tls=context)
    return town.install(f"{server.host}/x:1")


@produces("Rollback", "a tag that leads back to an older image, which was signed long ago")
def older(town: Town) -> Ran:
    town.push("older", _dated("2", NOW - DAY))
    town.machine.appctl("install", "-y", town.reference("older"))
    town.push("older", _dated("1", NOW - 2 * DAY))
    return town.asks("update", "-y", town.reference("older"))


@produces("Expired", "a signature older than the remote's `max-age`")
def old_signature(town: Town) -> Ran:
    reference = town.push("frozen", at=NOW - 30 * DAY)
    town.machine.appctl("remote", "modify", "acme", "--set", "max-age=7d")
    try:
        return town.install(reference)
    finally:
        town.machine.appctl("remote", "modify", "acme", "--set", "max-age=")


# --- the network or the registry failed -------------------------------------------------------------------


@produces("RegistryUnavailable", "a registry that was stopped")
def nobody_there(town: Town) -> Ran:
    town.publisher.registry.stop()
    try:
        return town.install(town.reference("signed"))
    finally:
        town.publisher.registry.start()


@produces("RegistryAuth", "a registry that wants a login, and a caller who has none")
def login_wanted(town: Town) -> Ran:
    server = town.server("private")
    server.on("/v2/x/manifests/1", Reply(401, {"WWW-Authenticate": 'Basic realm="x"'}))
    return town.install(f"{server.host}/x:1")


@produces("RateLimited", "a registry that answers 429, and asks for an hour")
def too_often(town: Town) -> Ran:
    server = town.server("limited")
    server.on("/v2/x/manifests/1", Reply(429, {"Retry-After": "3600"}))
    return town.install(f"{server.host}/x:1")


@produces("Offline", "a machine without any network")
def no_network(town: Town) -> Ran:
    with Machine(town.work / "offline", measured=False, program=("support.machines.offline",)) as machine:
        url = "oci+https://registry.example/x"
        machine.add_remote("far", url, town.file, "https://registry.example/signatures")
        return machine.appctl("install", "-y", "--json", "registry.example/x:1", code=None)


# --- the caller asked for what cannot be had --------------------------------------------------------------


@produces("InvalidReference", "a word that is no reference")
def one_word(town: Town) -> Ran:
    return town.install("just-a-word")


@produces("NoRemote", "an image that the prefix of no remote covers")
def unknown_publisher(town: Town) -> Ran:
    return town.install("quay.example.org/other/x:1")


@produces("NotFound", "a tag that the registry does not have")
def unknown_tag(town: Town) -> Ran:
    return town.install(town.reference("nowhere"))


@produces("NotInstalled", "an update of an app that is not installed")
def unknown_app(town: Town) -> Ran:
    return town.asks("update", "-y", "org.example.Nothing")


@produces("AlreadyInstalled", "the same image once more; no failure, `changed` is false")
def again(town: Town) -> Ran:
    reference = town.push("again")
    town.machine.appctl("install", "-y", reference)
    return town.install(reference)


@produces(
    "AlreadyUpToDate",
    "an update while the tag still leads to what is installed; no failure, `changed` is false",
)
def nothing_newer(town: Town) -> Ran:
    reference = town.push("newest", _dated("1", NOW - DAY))
    town.machine.appctl("install", "-y", reference)
    return town.asks("update", "-y", reference)


@produces("InUse", "the removal of a remote that an installed app came from")
def remote_with_apps(town: Town) -> Ran:
    host = town.publisher.registry.host
    town.trust("leaving", f"oci+http://{host}/leaving")
    Forgery([GOOD]).push(town.publisher, "leaving/kept:1", town.key)
    town.machine.appctl("install", "-y", f"{host}/leaving/kept:1")
    return town.asks("remote", "remove", "leaving", "-y")


@produces("Conflict", "a second remote under the name of the first")
def second_of_a_name(town: Town) -> Ran:
    town.trust("twice", "https://twice.example/x")
    other = ("remote", "add", "twice", "https://other.example/x", "--gpg-import", str(town.file))
    return town.asks(*other)


@produces("PolicyDenied", "an image of a remote that is disabled")
def disabled(town: Town) -> Ran:
    town.trust("shut", "https://shut.example/x")
    town.machine.appctl("remote", "disable", "shut")
    return town.install("shut.example/x/app:1")


@produces("NeedsApproval", "an update that asks for the network, which nobody granted")
def more_wishes(town: Town) -> Ran:
    town.push("wishes", _wishing(PLAIN, 2))
    town.machine.appctl("install", "-y", town.reference("wishes"))
    town.push("wishes", _wishing(NETWORK, 1))
    return town.asks("update", "-y", "wishes")


@produces("Cancelled", "Ctrl-C while the registry does not answer")
def interrupted(town: Town) -> Ran:
    with _silent(town, "slow", "/v2/x/manifests/1") as server:
        command = [str(BIN / "appctl"), "install", "-y", "--json", f"{server.host}/x:1"]
        pipe = subprocess.PIPE
        with subprocess.Popen(
            command, env=town.machine.environment, stdout=pipe, stderr=pipe, text=True
        ) as process:
            _wait_for(lambda: bool(server.asked("/v2/x/manifests/1")))
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=PATIENCE)
        return Ran(process.returncode, out, err)


@produces("Busy", "more unfinished jobs than one user may have")
def too_many(town: Town) -> Ran:
    names = [f"x{number}" for number in range(32)]
    paths = [f"/v2/{name}/manifests/1" for name in names]
    connection = open_dbus_connection(town.machine.environment["DBUS_SESSION_BUS_ADDRESS"])
    with _silent(town, "crowded", *paths) as server, contextlib.closing(connection):
        manager = DBusAddress(ROOT, NAME, MANAGER)
        asked = [
            new_method_call(manager, "Resolve", "sa{sv}", (f"{server.host}/{name}:1", {})) for name in names
        ]
        jobs = [str(connection.send_and_get_reply(message).body[0]) for message in asked]
        try:
            return town.install(town.reference("signed"))
        finally:
            for job in jobs:
                end = DBusAddress(job, NAME, f"{NAME}.Job")
                connection.send_and_get_reply(new_method_call(end, "Cancel", "a{sv}", ({},)))


# --- this machine failed ----------------------------------------------------------------------------------


@produces("NoSpace", "a disk on which less is free than the repository's reserve")
def full(town: Town) -> Ran:
    config = town.machine.state / "repo/config"
    before = config.read_text()
    with _restarted(town.machine):
        config.write_text(before.replace("[core]", "[core]\nmin-free-space-size=900000GB"))
    try:
        return town.install(town.push("large", Forgery([archive(entry(b"large", content=b"large" * 1000))])))
    finally:
        with _restarted(town.machine):
            config.write_text(before)


@produces("RepoCorrupt", "a stored file that was changed on the disk, in the way of a new deployment")
def damaged(town: Town) -> Ran:
    reference = town.push("precious", Forgery([archive(entry(b"precious", content=b"precious" * 100))]))
    town.machine.appctl("install", "-y", reference)
    files = town.machine.state.glob("repo/objects/*/*.file")
    (stored,) = [path for path in files if path.read_bytes() == b"precious" * 100]
    stored.chmod(0o644)
    stored.write_bytes(b"damaged!" * 100)
    try:
        return town.asks("install", "-y", "--reinstall", reference)
    finally:
        stored.write_bytes(b"precious" * 100)
        os.utime(stored, (0, 0))
        stored.chmod(0o444)


@produces("Failed", "a directory of remotes that may not be written to")
def read_only(town: Town) -> Ran:
    town.machine.configuration.chmod(0o555)
    try:
        return town.asks("remote", "add", "new", "https://new.example/x", "--gpg-import", str(town.file))
    finally:
        town.machine.configuration.chmod(0o755)


# --- the client's own -------------------------------------------------------------------------------------


@produces("Usage", "a command that does not exist")
def mistyped(town: Town) -> Ran:
    return town.asks("instal", "x")


@produces("DaemonUnavailable", "an address of the bus where nobody listens")
def no_bus(town: Town) -> Ran:
    machine = Machine(town.work / "nobody")
    machine.environment = {**town.machine.environment, "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere"}
    return machine.appctl("list", "--user", "--json", code=None)


@produces("RunFailed", "`run` with a directory that is not there")
def run_twice_named(town: Town) -> Ran:
    town.machine.appctl("install", "-y", town.push("runs"))
    return town.machine.appctl("run", "--json", "--filesystem=/no/such/place", "runs", code=None)


def _changed(**members: object) -> Forgery:
    """An image whose layer says something else about itself."""
    forgery = Forgery([GOOD])

    def change(manifest: Document) -> None:
        manifest["layers"][0].update(members)

    forgery.change_manifest = change
    return forgery


def _dated(version: str, created: int) -> Forgery:
    forgery = Forgery([archive(entry(b"version", content=version.encode()))])
    forgery.config["created"] = date(created)
    return forgery


def _wishing(metadata: str, days: int) -> Forgery:
    """An image that asks for what its labelled metadata says."""
    forgery = Forgery([archive(entry(b"app/", kind=b"5"), entry(b"app/metadata", content=metadata.encode()))])
    forgery.config["created"] = date(NOW - days * DAY)
    forgery.config["config"]["Labels"] = {"org.appctl.metadata": metadata}
    return forgery


@contextmanager
def _silent(town: Town, name: str, *paths: str) -> Iterator[FakeServer]:
    """A server that takes these requests and says nothing, and a remote for it.

    It hangs up at the end: a fetcher that is cancelled while its sandbox begins may outlive its job; it would
    wait for this server, and hold the state's lock meanwhile.
    """
    with FakeServer() as server:
        for path in paths:
            server.on(path, Reply(stall=True))
        town.trust(name, server.url.replace("http://", "oci+http://"))
        yield server


@contextmanager
def _restarted(machine: Machine) -> Iterator[None]:
    """Change something while no daemon runs."""
    machine.stop()
    yield
    machine.start()


def _wait_for(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < end, "it does not happen"
        threading.Event().wait(0.02)
