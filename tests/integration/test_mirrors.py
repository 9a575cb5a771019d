# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`remote add --mirror`: two registries; layers come from the second, names and signatures from the first."""

from support.layers.tarball import archive, entry
from support.machines.exposure import log_in
from support.machines.machine import Machine
from support.servers.fake_registry import Reply
from support.servers.shelf import Shelf

LAYER = archive(entry(b"file", content=b"content" * 1000))


def test_layers_come_from_the_mirror_until_it_serves_others(machine: Machine) -> None:
    with Shelf(login="alice:secret") as origin, Shelf() as mirror:
        image, there = origin.put("demo/app", [LAYER]), mirror.put("cache/app", [LAYER])
        place, beside = f"oci+http://{origin.host}/demo", f"oci+http://{mirror.host}/cache"
        machine.appctl("remote", "add", "demo", place, "--verify", "digest", "--mirror", beside)
        assert machine.appctl("remote", "show", "demo", "--json").json["settings"]["mirrors"] == [beside]
        log_in(machine, origin.host, "alice:secret")
        machine.appctl("install", "-y", image.reference)
        assert (len(origin.asked(image.layers[0])), len(mirror.asked(there.layers[0]))) == (0, 1)
        assert {request.path for request in mirror.seen} == {there.layers[0]}, "and for nothing else"
        assert {request.headers.get("authorization") for request in mirror.seen} == {None}

        machine.appctl("uninstall", "-y", "app")
        mirror.on(there.layers[0], Reply(body=b"x" * len(LAYER)))
        app = machine.appctl("install", "-y", "--json", image.reference).json["apps"][0]
        assert app["changed"] is True
        assert origin.asked(image.layers[0])
        machine.fsck()


def test_what_is_no_mirror_is_refused(machine: Machine) -> None:
    words = ("remote", "add", "demo", "oci+https://a.example", "--verify", "digest", "--mirror")
    for url in ("ftp://m.example", "oci+http://m.example", "https://u:p@m.example"):
        assert machine.appctl(*words, url, code=64).err.startswith("error: ")
    assert machine.appctl("remote", "list", "--json").json == []
