# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Images made by other people's tools install over a real registry, and come out as umoci unpacks them."""

import csv
import hashlib
import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.machine import Machine
from support.registry import Registry

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
Row = dict[str, str]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with Registry(tmp_path_factory.mktemp("registry")) as running:
        for tag in ("plain", "plain-zstd", "plain-multiarch"):
            source, target = f"oci:{FIXTURES / 'images'}:{tag}", f"docker://{running.host}/golden/{tag}:1"
            command = ["skopeo", "--insecure-policy", "copy", "--quiet", "--all", "--dest-tls-verify=false"]
            subprocess.run([*command, source, target], check=True)
        yield running


@pytest.fixture(scope="module")
def expected() -> list[Row]:
    names = ("path", "type", "mode", "uid", "gid", "size", "target")
    with (FIXTURES / "plain-merged.tsv").open() as file:
        return [dict(zip(names, row, strict=True)) for row in csv.reader(file, delimiter="\t") if row[0]]


@pytest.fixture(scope="module")
def digests() -> dict[str, str]:
    lines = (FIXTURES / "plain-merged.sha256").read_text().splitlines()
    return {path.removeprefix("./"): digest for digest, path in (line.split("  ", 1) for line in lines)}


@pytest.mark.parametrize("tag", ["plain", "plain-zstd", "plain-multiarch"])
def test_the_deployment_and_the_commit_equal_what_umoci_unpacks(
    tag: str, registry: Registry, machine: Machine, expected: list[Row], digests: dict[str, str]
) -> None:
    url = f"oci+http://{registry.host}/golden"
    machine.add_remote("golden", url, None, "", "--verify", "digest")
    digest = subprocess.run(
        ["skopeo", "inspect", "--raw", "--tls-verify=false", f"docker://{registry.host}/golden/{tag}:1"],
        capture_output=True,
        check=True,
    ).stdout
    reference = f"{registry.host}/golden/{tag}@sha256:{hashlib.sha256(digest).hexdigest()}"
    app = machine.appctl("install", "-y", "--json", reference).json["apps"][0]
    _compare_deployment(Path(app["deployment"]), expected, digests)
    _compare_commit(machine, app["commit"], expected)


def _compare_deployment(files: Path, expected: list[Row], digests: dict[str, str]) -> None:
    """Path, type, target and bytes; R12 says which modes there are."""
    found = {str(path.relative_to(files)): path for path in files.rglob("*")}
    assert sorted(found) == sorted(row["path"] for row in expected)
    for row in expected:
        path = found[row["path"]]
        mode = path.lstat().st_mode
        match row["type"]:
            case "d":
                assert (stat.S_ISDIR(mode), stat.S_IMODE(mode)) == (True, 0o755), path
            case "l":
                assert str(path.readlink()) == row["target"]
            case _:
                executable = int(row["mode"], 8) & 0o100
                assert (stat.S_ISREG(mode), stat.S_IMODE(mode)) == (True, 0o555 if executable else 0o444), (
                    path
                )
                assert hashlib.sha256(path.read_bytes()).hexdigest() == digests[row["path"]]
                assert path.stat().st_size == int(row["size"])
                assert not [name for name in os.listxattr(path) if not name.startswith("user.")]


def _compare_commit(machine: Machine, commit: str, expected: list[Row]) -> None:
    """Mode, uid and gid stand in the commit as the image has them."""
    command = ["ostree", f"--repo={machine.state / 'repo'}", "ls", "-R", commit]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = {}
    for line in listing.splitlines():
        kind_mode, uid, gid, _, path = line.split(None, 4)
        found[path.partition(" -> ")[0].lstrip("/")] = (kind_mode[0], int(kind_mode[1:], 8), uid, gid)
    found.pop("", None)
    kinds = {"f": "-", "d": "d", "l": "l"}
    assert found == {
        row["path"]: (kinds[row["type"]], int(row["mode"], 8), row["uid"], row["gid"]) for row in expected
    }
