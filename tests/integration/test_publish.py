# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What `appctl publish` publishes is installed again, on a machine whose every part is real."""

import base64
import contextlib
import json
import os
import select
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appctld.model.flatpak.ref import parse_ref
from support.images.flatpak_build import Workshop
from support.images.greeter import minimal_root
from support.layers.published_tar import entries
from support.machines.called import Near
from support.machines.machine import BIN, Machine
from support.publishers.ostree_remote import OstreeRemote
from support.publishers.podman_storage import rootless_podman
from support.publishers.publisher import Publisher
from support.servers.cutting import CuttingLine
from support.servers.registry import Registry
from support.signatures.cosign import CosignKey
from support.worlds.flatpaks import metadata

KEY = CosignKey()
METADATA = "[Application]\nname=org.example.Greeter\ncommand=/usr/bin/greet\n"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with Near(tmp_path_factory.mktemp("machine") / "of", measured=False) as running:
        (running.directory / "key.pem").write_bytes(KEY.private_pem)
        (running.directory / "key.pub").write_bytes(KEY.pem)
        yield running
        running.fsck()


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """A directory with an app in it."""
    root = tmp_path / "greeter"
    minimal_root(root, ("/bin/sh",))
    (root / "app").mkdir()
    (root / "app/metadata").write_text(METADATA)
    (root / "usr/bin/greet").write_text("#!/bin/sh\necho Hello\n")
    (root / "usr/bin/greet").chmod(0o755)
    (root / "usr/lib/large").write_bytes(b"large" * (1 << 20))
    (root / "usr/lib/link").symlink_to("large")
    return root


def place(publisher: Publisher, name: str) -> tuple[str, str]:
    """A repository of a test's own: what to publish to, and the reference."""
    reference = f"{publisher.registry.host}/{name}/greeter:1"
    return f"oci+http://{reference}", reference


def trust(machine: Machine, publisher: Publisher, name: str, *options: str) -> None:
    url = f"oci+http://{publisher.registry.host}/{name}"
    machine.appctl("remote", "add", name, url, *options)


def install(machine: Machine, reference: str) -> dict[str, object]:
    found: dict[str, object] = machine.appctl("install", "-y", "--json", reference).json["apps"][0]
    return found


def away(machine: Machine, name: str, app: dict[str, object]) -> None:
    machine.appctl("uninstall", "-y", str(app["id"]))
    machine.appctl("remote", "remove", name)


@pytest.mark.parametrize("form", ["commit", "chunks", "plain", "plain-chunks"])
def test_a_directory_comes_back_with_the_signature_of_a_cosign_key(
    form: str, app: Path, publisher: Publisher, machine: Machine
) -> None:
    to, reference = place(publisher, f"d-{form}")
    options = [*(["--plain"] if "plain" in form else []), *(["--chunked"] if "chunks" in form else [])]
    signing = ["--sign-cosign", str(machine.directory / "key.pem")]
    answer = machine.appctl("publish", str(app), "--to", to, "--json", *options, *signing).json
    trust(machine, publisher, f"d-{form}", "--cosign-key", str(machine.directory / "key.pub"))
    found = install(machine, reference)
    assert (found["image_digest"], found["signer"]) == (answer["digest"], KEY.fingerprint)
    assert found["tag_bound"] is True
    assert (found["commit"] == answer["commit"]) is ("plain" not in form)
    assert found["id"] == "org.example.Greeter"
    files = Path(str(found["deployment"]))
    assert (files / "usr/lib/large").read_bytes() == (app / "usr/lib/large").read_bytes()
    assert (files / "usr/lib/link").readlink() == Path("large")
    assert machine.run_app("org.example.Greeter").out == "Hello\n"
    machine.appctl("verify")
    away(machine, f"d-{form}", found)


def test_a_commit_comes_back_as_the_commit_with_a_signature_by_gnupg(
    publisher: Publisher, machine: Machine, tmp_path: Path
) -> None:
    remote = OstreeRemote(tmp_path)
    commit = remote.commit(
        {"usr/bin/x": b"1", "usr/etc/conf": b"2"}, "--owner-uid=7", "--add-metadata-string=version=3"
    )
    key = publisher.keys.make("gnupg")
    file = machine.directory / "gnupg.asc"
    file.write_bytes(publisher.keys.export(key, armor=True))
    to, reference = place(publisher, "gnupg")
    machine.environment["GNUPGHOME"] = str(publisher.keys.home)
    signing = ["--sign-gpg", key, "--lookaside", str(publisher.lookaside.directory)]
    machine.appctl("publish", "app/demo", "--repo", str(remote.path), "--to", to, *signing)
    del machine.environment["GNUPGHOME"]
    trust(machine, publisher, "gnupg", "--gpg-import", str(file), "--lookaside", publisher.lookaside.url)
    found = install(machine, reference)
    assert (found["commit"], found["signer"], found["version"]) == (commit, key, "3")
    away(machine, "gnupg", found)


def test_a_layout_with_both_signatures_is_installed_without_a_network(
    app: Path, publisher: Publisher, machine: Machine
) -> None:
    key, beside = publisher.keys.make("both"), machine.directory / "layout"
    file = machine.directory / "both.asc"
    file.write_bytes(publisher.keys.export(key, armor=True))
    reference = "shop.example.org/apps/greeter:1"
    machine.environment["GNUPGHOME"] = str(publisher.keys.home)
    signing = ["--sign-gpg", key, "--sign-cosign", str(machine.directory / "key.pem")]
    machine.appctl("publish", str(app), "--to", f"oci:{beside}", "--as", reference, *signing)
    del machine.environment["GNUPGHOME"]
    keys = ["--gpg-import", str(file), "--cosign-key", str(machine.directory / "key.pub")]
    where = ["--verify", "gpg+cosign", "--set", "prefix=shop.example.org/apps"]
    machine.appctl("remote", "add", "beside", f"oci:{beside}", *keys, *where)
    found = install(machine, reference)
    assert (found["verify"], found["signer"]) == ("gpg+cosign", key)
    away(machine, "beside", found)


@pytest.mark.parametrize("kind", ["oci", "oci-archive"])
def test_what_is_brought_along_is_installed_by_the_signatures_in_it(
    kind: str, app: Path, publisher: Publisher, machine: Machine, tmp_path: Path
) -> None:
    key, reference = publisher.keys.make(f"Bring {kind}"), "127.0.0.1:9/brought/greeter:1"
    (tmp_path / "key.asc").write_bytes(publisher.keys.export(key, armor=True))
    machine.environment["GNUPGHOME"] = str(publisher.keys.home)
    signing = ["--sign-gpg", key, "--sign-cosign", str(machine.directory / "key.pem")]
    place = f"{kind}:{tmp_path / 'brought'}"
    machine.appctl("publish", str(app), "--chunked", "--to", place, "--as", reference, *signing)
    del machine.environment["GNUPGHOME"]
    keys = ["--gpg-import", str(tmp_path / "key.asc"), "--cosign-key", str(machine.directory / "key.pub")]
    where = ["--verify", "gpg+cosign", "--lookaside", "http://127.0.0.1:9/signatures"]
    machine.appctl("remote", "add", "brought", "oci+http://127.0.0.1:9/brought", *keys, *where)
    ran = machine.appctl("install", "-y", "--json", "--from", place, reference)
    (found,) = ran.json["apps"]
    assert (found["verify"], found["signer"]) == ("gpg+cosign", key)
    assert machine.run_app("org.example.Greeter").out == "Hello\n"
    away(machine, "brought", found)


def test_flatpaks_commits_are_installed_run_on_their_runtime_and_published_again(
    publisher: Publisher, machine: Machine, tmp_path: Path
) -> None:
    arch = {"x86_64": "x86_64", "aarch64": "aarch64"}[os.uname().machine]
    platform = parse_ref(f"runtime/org.example.Platform/{arch}/1")
    editor = parse_ref(f"app/org.example.Editor/{arch}/1")
    workshop = Workshop(tmp_path)
    root = minimal_root(tmp_path / "root", ("/bin/sh",))
    workshop.bundle(platform, metadata(platform), {}, root / "usr")
    workshop.bundle(editor, metadata(editor, runtime=platform), {"bin/editor": "#!/bin/sh\necho Edit\n"})
    trust(machine, publisher, "flat", "--cosign-key", str(machine.directory / "key.pub"))
    signing = ["--sign-cosign", str(machine.directory / "key.pem")]
    digests, ids = {}, []
    for ref in (platform, editor):
        reference = f"{publisher.registry.host}/flat/{ref.name.lower()}:1"
        words = [str(ref), "--repo", str(workshop.repository), "--flatpak", "--to", f"oci+http://{reference}"]
        digests[ref] = machine.appctl("publish", *words, "--json", *signing).json["digest"]
        found = install(machine, reference)
        assert (found["flatpak_ref"], found["image_digest"]) == (str(ref), digests[ref])
        ids.append(str(found["id"]))
    assert machine.run_app("org.example.Editor").out == "Edit\n"
    again = machine.appctl("publish", "editor", "--flatpak", "--to", f"oci:{tmp_path / 'again'}", "--json")
    assert again.json["digest"] == digests[editor]
    machine.appctl("uninstall", "-y", *ids)
    machine.appctl("remote", "remove", "flat")


def test_an_installed_app_is_published_as_a_commit_of_its_tree(
    app: Path, publisher: Publisher, machine: Machine
) -> None:
    first, reference = place(publisher, "first")
    signing = ["--sign-cosign", str(machine.directory / "key.pem")]
    machine.appctl("publish", str(app), "--to", first, "--plain", *signing)
    trust(machine, publisher, "first", "--cosign-key", str(machine.directory / "key.pub"))
    found = install(machine, reference)
    second, again = place(publisher, "second")
    answer = machine.appctl("publish", "greeter", "--to", second, "--json", *signing).json
    assert answer["commit"] != found["commit"]
    away(machine, "first", found)
    trust(machine, publisher, "second", "--cosign-key", str(machine.directory / "key.pub"))
    back = install(machine, again)
    assert back["commit"] == answer["commit"]
    assert machine.run_app("org.example.Greeter").out == "Hello\n"
    away(machine, "second", back)


def test_what_a_registry_has_is_listed_in_a_catalogue_and_found_by_it(
    app: Path, publisher: Publisher, machine: Machine
) -> None:
    to, reference = place(publisher, "listed")
    signing = ["--sign-cosign", str(machine.directory / "key.pem")]
    home = ["--label", "org.opencontainers.image.url=https://greeter.example.org"]  # AppStream 1.0 wants one
    machine.appctl("publish", str(app), "--to", to, "--plain", *home, *signing)
    (machine.directory / "list").write_text(f"{to}  # the only one\n")
    where = f"{publisher.registry.host}/listed/appctl-catalog"
    words = [f"--catalog={machine.directory / 'list'}", "--to", f"oci+http://{where}"]
    ran = machine.appctl("publish", *words, "--json", *signing)
    assert ran.json["apps"] == [{"id": "org.example.Greeter", "reference": reference, "icons": []}]
    assert ran.json["name"] == f"{where}:latest"
    assert f"{reference}: no icon org.example.Greeter.png of 64x64 or 128x128" in ran.json["remarks"]
    looked = machine.appctl("lint", f"oci+http://{where}:latest", "--json").json
    assert [one["sentence"] for one in looked["findings"]] == ["by cosign, with a key"]

    trust(machine, publisher, "listed", "--cosign-key", str(machine.directory / "key.pub"))
    (found,) = machine.appctl("search", "greeter", "--json").json["apps"]
    assert (found["reference"], found["name"], found["signed"]) == (reference, "Greeter", True)
    assert found["installed"] is False
    app_found = install(machine, found["reference"])
    (found,) = machine.appctl("search", "greeter", "--json", "--cached").json["apps"]
    assert found["installed"] is True
    away(machine, "listed", app_found)

    elsewhere = f"oci+http://{publisher.registry.host}/other/appctl-catalog:latest"
    refused = machine.appctl("publish", "--catalog", to, "--to", elsewhere, code=64)
    assert "does not lie below" in refused.err


def test_what_was_broken_off_goes_on(app: Path, publisher: Publisher, machine: Machine) -> None:
    (app / "usr/lib/random").write_bytes(os.urandom(20 << 20))
    with CuttingLine(publisher.registry.host) as line:
        line.cut_after(3 << 20, *([0] * 50))
        to = f"oci+http://{line.host}/broken/greeter:1"
        machine.appctl("publish", str(app), "--to", to, code=75)
        line.cut_after()
        machine.appctl("publish", str(app), "--to", to)
        assert line.cuts
    source = f"docker://{publisher.registry.host}/broken/greeter:1"
    subprocess.run(["skopeo", "inspect", "--tls-verify=false", source], check=True, capture_output=True)


@pytest.mark.parametrize("form", ["--chunked", "--plain"])
def test_podman_takes_it_and_has_every_file(form: str, app: Path, machine: Machine, tmp_path: Path) -> None:
    name, entrypoint = "example.org/apps/greeter:1", ["--entrypoint", "/usr/bin/greet"]
    with rootless_podman() as podman, tempfile.TemporaryDirectory(dir="/tmp") as place:
        layout = f"oci:{place}/out"  # podman takes the path for a name, and wants small letters in it
        machine.appctl("publish", str(app), form, *entrypoint, "--to", layout, "--as", name)
        image = said([*podman, "pull", "--quiet", f"{layout}:{name}"]).decode().strip()
        container = said([*podman, "create", "--network=none", image]).decode().strip()
        found = {entry.name: entry for entry in entries(said([*podman, "export", container]))}
    assert {str(path.relative_to(app)) for path in app.rglob("*")} <= found.keys()
    program = found["usr/bin/greet"]
    held = found[program.link] if program.link else program  # a view is made of hard links
    assert held.data == (app / "usr/bin/greet").read_bytes()


def said(command: list[str]) -> bytes:
    done = subprocess.run(command, check=False, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def test_a_private_registry_gets_the_callers_login(app: Path, machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "registry").mkdir()
    with Registry(tmp_path / "registry", users={"me": "secret"}) as registry:
        to = ["--to", f"oci+http://{registry.host}/private/greeter:1"]
        assert "login" in machine.appctl("publish", str(app), *to, code=1).err
        auth = machine.directory / "config/containers/auth.json"
        auth.parent.mkdir()
        login = base64.b64encode(b"me:secret").decode()
        auth.write_text(json.dumps({"auths": {registry.host: {"auth": login}}}))
        machine.appctl("publish", str(app), *to, "--chunked")
        answer = machine.appctl("publish", str(app), *to, "--chunked", "--json").json
        auth.unlink()
    assert (answer["written"], answer["layers"] > 1) == (0, True)


def test_what_cannot_be_published_is_said_in_a_sentence_with_an_exit_code(
    app: Path, machine: Machine, tmp_path: Path
) -> None:
    to = f"oci:{tmp_path / 'out'}"
    (app / "usr/.wh.x").write_bytes(b"")
    name = ["--as", "example.org/a:1"]
    assert "usr/.wh.x" in machine.appctl("publish", str(app), "--to", to, *name, code=5).err
    (app / "usr/.wh.x").unlink()
    assert "--as HOST" in machine.appctl("publish", str(app), "--to", to, code=64).err
    assert "is not installed" in machine.appctl("publish", "org.example.None", "--to", to, *name, code=3).err
    assert "UID:GID" in machine.appctl("publish", str(app), "--to", to, *name, "--owner", "me", code=64).err
    assert "KEY=VALUE" in machine.appctl("publish", str(app), "--to", to, *name, "--label", "me", code=64).err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_who_is_ended_takes_the_program_along(
    how: signal.Signals, app: Path, machine: Machine, tmp_path: Path
) -> None:
    """It would go on publishing, with nobody there to stop it; here it waits for a key."""
    os.mkfifo(tmp_path / "key")
    command = [str(BIN / "appctl"), "publish", str(app), "--to", f"oci:{tmp_path / 'out'}"]
    command += ["--as", "a.example/b:1", "--sign-cosign", str(tmp_path / "key")]
    with (
        subprocess.Popen(command, env=machine.environment, stderr=subprocess.DEVNULL) as client,
        os.fdopen(_written(tmp_path / "key"), "wb") as key,
    ):
        client.send_signal(how)
        unread = select.poll()
        unread.register(key, select.POLLERR)
        assert unread.poll(30_000), "somebody reads the key still"
    assert not (tmp_path / "out").exists()


def _written(fifo: Path) -> int:
    """Open it once somebody reads it."""
    while True:
        with contextlib.suppress(OSError):
            return os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
        time.sleep(0.05)


def test_the_time_of_a_directory_is_source_date_epoch(app: Path, machine: Machine, tmp_path: Path) -> None:
    machine.environment["SOURCE_DATE_EPOCH"] = "1234567890"
    to = ["--to", f"oci:{tmp_path / 'out'}", "--as", "example.org/a:1", "--owner", "5:6", "--release", "7"]
    machine.appctl("publish", str(app), *to)
    del machine.environment["SOURCE_DATE_EPOCH"]
    command = ["skopeo", "inspect", f"oci:{tmp_path / 'out'}:example.org/a:1"]
    found = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert found["Created"] == "2009-02-13T23:31:30Z"
    assert found["Labels"]["org.opencontainers.image.version"] == "7"
