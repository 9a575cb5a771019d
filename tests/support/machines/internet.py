# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A program for a network namespace of its own, where 8.8.8.8 is an address of the loopback device.

    unshare --user --map-root-user --net python -m support.machines.internet

There a registry on "the Internet" tries to send the fetcher to this machine and to what only it can reach: by
a redirect, by a token realm, by a lookaside; so does a native repository, by a redirect. It prints one JSON
object: what was tried -> [the error's name, requests that arrived inside]. `explore` starts it.
"""

import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from appctld.errors import AppctlError
from appctld.model.jsonvalue import Json, JsonObject
from appctld.model.manifest import OCI_MANIFEST
from support.servers.fake_registry import FakeServer, Reply, loopback_identity
from support.workers.fetching import Fetch, endpoint, resolve
from support.workers.pulling import Pull

OUTSIDE = "8.8.8.8"
INSIDE = ("127.0.0.1", "10.1.2.3", "172.16.1.2", "192.168.1.2", "169.254.169.254", "100.64.1.2")
WAYS = ("redirect", "blob", "realm", "lookaside")
MANIFEST = "/v2/demo/plain/manifests/1"
NOTHING = "sha256:" + "0" * 64
_SET_ADDRESS, _SET_NETMASK, _SET_FLAGS = 0x8916, 0x891C, 0x8914  # SIOCSIFADDR, SIOCSIFNETMASK, SIOCSIFFLAGS
_UP_AND_RUNNING = 0x41


def make_internet() -> None:
    """Bring the loopback device up, with OUTSIDE and INSIDE as more addresses."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, _SET_FLAGS, struct.pack("16sh14x", b"lo", _UP_AND_RUNNING))
        for number, address in enumerate((OUTSIDE, *INSIDE[1:]), start=1):
            for request, value in ((_SET_ADDRESS, address), (_SET_NETMASK, "255.255.255.255")):
                name = f"lo:{number}".encode()
                packed = struct.pack("16sHH4s8x", name, socket.AF_INET, 0, socket.inet_aton(value))
                fcntl.ioctl(control, request, packed)


def explore() -> dict[str, list[object]]:
    """Run this program in a namespace of its own; what it prints."""
    root = Path(__file__).parents[3]
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--net", sys.executable, "-m", "support.machines.internet"],
        env={**os.environ, "PYTHONPATH": f"{root / 'daemon'}:{root / 'tests'}"},
        stdout=subprocess.PIPE,
        check=True,
    )
    results: dict[str, list[object]] = json.loads(done.stdout)
    return results


def tried(call: Callable[[], JsonObject], inside: FakeServer) -> Json:
    """The name of the error that the call ends with ("" for none), and how many requests came inside."""
    inside.seen.clear()
    try:
        call()
    except AppctlError as error:
        return [error.name, len(inside.seen)]
    return ["", len(inside.seen)]


def over_tls() -> Json:
    """A token realm inside, with everything over https."""
    with tempfile.TemporaryDirectory() as directory:
        context, ca = loopback_identity(Path(directory), OUTSIDE, "127.0.0.1")
    with FakeServer(OUTSIDE, tls=context) as outside, FakeServer(tls=context) as inside:
        realm = f"{inside.url}/token"
        outside.on(MANIFEST, Reply(401, {"WWW-Authenticate": f'Bearer realm="{realm}"'}))
        return tried(lambda: resolve(endpoint(outside.url, ca=ca, auth_realm=realm)), inside)


def inwards(outside: FakeServer, inside: FakeServer) -> JsonObject:
    """Each of WAYS, with a login."""
    login: JsonObject = {"username": "alice", "password": "secret"}
    members = endpoint(outside.url, insecure=True, auth_realm=f"{inside.url}/token", credential=login)
    asked: JsonObject = {**members, "digest": NOTHING, "size": 1}
    for path in ("/x", "/token"):
        inside.on(path, Reply(200, {"Content-Type": OCI_MANIFEST}, b"{}"))
    redirect = Reply(307, {"Location": f"{inside.url}/x"})
    outside.on(f"/v2/demo/plain/blobs/{NOTHING}", redirect)
    outside.on(MANIFEST, redirect, Reply(401, {"WWW-Authenticate": f'Bearer realm="{inside.url}/token"'}))
    return {
        "redirect": tried(lambda: resolve(members), inside),
        "realm": tried(lambda: resolve(members), inside),
        "blob": tried(lambda: Fetch().run("blob", asked), inside),
        "lookaside": tried(lambda: Fetch().run("signatures", {**asked, "lookaside": inside.url}), inside),
    }


def pulling() -> Json:
    """A native repository that redirects inside, with everything over https."""
    with tempfile.TemporaryDirectory() as directory:
        context, ca = loopback_identity(Path(directory), OUTSIDE, "127.0.0.1")
        with FakeServer(OUTSIDE, tls=context) as outside, FakeServer(tls=context) as inside:
            outside.on("/summary.sig", Reply(307, {"Location": f"{inside.url}/summary.sig"}))
            return tried(Pull(Path(directory) / "quarantine", outside.url, ca).commit, inside)


def main() -> None:
    """Try each way in, and one way that is allowed."""
    make_internet()
    results: JsonObject = {}
    results["https"] = over_tls()
    results["pull"] = pulling()
    for address in INSIDE:
        with FakeServer(OUTSIDE) as outside, FakeServer(address) as inside:
            results |= {f"{way} {address}": found for way, found in inwards(outside, inside).items()}
    with FakeServer(OUTSIDE) as outside, FakeServer() as inside:
        inside.on("/x", Reply(200, {"Content-Type": OCI_MANIFEST}, b"{}"))
        plain = endpoint(outside.url)
        results["plain"] = tried(lambda: resolve(plain), outside)
        inside.on(MANIFEST, Reply(307, {"Location": f"{inside.url}/x"}))
        results["inside"] = tried(lambda: resolve(endpoint(inside.url)), inside)
        outside.on("/y", Reply(200, {"Content-Type": OCI_MANIFEST}, b"{}"))
        inside.on(MANIFEST, Reply(307, {"Location": f"{outside.url}/y"}))
        results["outwards"] = tried(lambda: resolve(endpoint(inside.url, insecure=True)), inside)
    print(json.dumps(results))  # noqa: T201 - a program's answer


if __name__ == "__main__":
    main()
