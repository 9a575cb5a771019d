# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""model/image.py: what a config says, and what it may not say."""

import json
from typing import Any

import pytest

from appctld.errors import BadManifest
from appctld.model.digest import Digest
from appctld.model.image import APP_ID, CONFIG_BYTES, TEXT_LENGTH, TITLE, VERSION, ImageConfig, parse_config
from appctld.model.manifest import Platform
from appctld.model.volumes import VOLUMES

Document = dict[str, Any]
DIFF_ID = "sha256:" + "a" * 64


def config(run: Document | None = None, **changes: object) -> Document:
    base: Document = {
        "os": "linux",
        "architecture": "amd64",
        "config": run or {},
        "rootfs": {"type": "layers", "diff_ids": [DIFF_ID]},
    }
    return {key: value for key, value in {**base, **changes}.items() if value is not ...}


def parse(document: Document) -> ImageConfig:
    return parse_config(json.dumps(document).encode())


def test_a_config_is_read_whole() -> None:
    found = parse(
        config(
            {
                "Entrypoint": ["/usr/bin/app", "--x"],
                "Cmd": ["a\nb"],
                "Env": ["PATH=/usr/bin", "EMPTY=", "EQUALS=a=b", "LINES=a\nb"],
                "WorkingDir": "/work",
                "Labels": {VERSION: "1.0", TITLE: "Éditeur"},
                "User": "1000",
                "ExposedPorts": {"80/tcp": {}},
                "Volumes": {"/srv/data/": {}, "/etc/acme": {}},
            },
            created="2024-05-06T07:08:09.123456789Z",
            variant="v2",
        )
    )
    assert found == ImageConfig(
        platform=Platform("linux", "amd64", "v2"),
        created=1714979289,
        diff_ids=(Digest("a" * 64),),
        entrypoint=("/usr/bin/app", "--x"),
        cmd=("a\nb",),
        env=(("PATH", "/usr/bin"), ("EMPTY", ""), ("EQUALS", "a=b"), ("LINES", "a\nb")),
        working_dir="/work",
        volumes=("/srv/data",),
        labels=((TITLE, "Éditeur"), (VERSION, "1.0")),
        ignored=("USER (the app runs as you)", "EXPOSE", "VOLUME /etc/acme (nothing is kept there)"),
    )
    assert found.label(VERSION) == "1.0"
    assert found.label("absent") is None


@pytest.mark.parametrize(
    "run", [..., None, {}, {"Env": None, "Cmd": None, "Labels": None, "Entrypoint": None}]
)
def test_what_is_absent_or_null_is_empty(run: object) -> None:
    found = parse(config(config=run))
    assert (found.entrypoint, found.cmd, found.env, found.labels) == ((), (), (), ())
    assert (found.working_dir, found.created, found.ignored) == ("/", None, ())


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:01Z", 1),
        ("1970-01-01T01:00:01+01:00", 1),
        ("2024-05-06T07:08:09.1Z", 1714979289),
        ("0001-01-01T00:00:00Z", None),
        ("1969-12-31T23:59:59Z", None),
        ("1970-01-01T00:00:00Z", 0),
        ("9999-12-31T23:59:59Z", 253402300799),
        ("2024-05-06T07:08:09", None),
        ("yesterday", None),
        ("", None),
        ("9" * 10_000, None),
        ("2024-13-45T99:99:99Z", None),
    ],
)
def test_a_time_is_seconds_or_none(text: str, seconds: int | None) -> None:
    assert parse(config(created=text)).created == seconds


HOSTILE: list[tuple[str, Document]] = [
    ("no rootfs", config(rootfs=...)),
    ("a rootfs of another type", config(rootfs={"type": "x", "diff_ids": []})),
    ("no diffIDs", config(rootfs={"type": "layers"})),
    ("a diffID of another algorithm", config(rootfs={"type": "layers", "diff_ids": ["sha512:" + "a" * 128]})),
    ("a diffID that is a path", config(rootfs={"type": "layers", "diff_ids": ["sha256:../x"]})),
    ("a diffID that is a number", config(rootfs={"type": "layers", "diff_ids": [1]})),
    ("no os", config(os=...)),
    ("no architecture", config(architecture=...)),
    ("an os that colours a terminal", config(os="\x1b[31mlinux")),
    ("a time that is a number", config(created=1)),
    ("a config that is a list", config(config=[])),
    ("an argument that is a number", config({"Cmd": [1]})),
    ("arguments that are a text", config({"Cmd": "sh -c x"})),
    ("an argument with NUL", config({"Entrypoint": ["a\0b"]})),
    ("a long argument", config({"Entrypoint": ["a" * (TEXT_LENGTH + 1)]})),
    ("a variable without =", config({"Env": ["PATH"]})),
    ("a variable without a name", config({"Env": ["=x"]})),
    ("a variable with a strange name", config({"Env": ["BASH_FUNC_x%%=() { :; }"]})),
    ("a variable with a line end in its name", config({"Env": ["A\n=x"]})),
    ("a variable with NUL", config({"Env": ["A=x\0LD_PRELOAD=y"]})),
    ("a long variable", config({"Env": ["A=" + "x" * (4 * TEXT_LENGTH + 1)]})),
    ("a relative directory", config({"WorkingDir": "work"})),
    ("a directory with a line end", config({"WorkingDir": "/a\n"})),
    ("a long directory", config({"WorkingDir": "/" + "a" * TEXT_LENGTH})),
    ("volumes that are a list", config({"Volumes": ["/srv"]})),
    ("a volume that colours a terminal", config({"Volumes": {"/srv/\x1b[31m": {}}})),
    ("a volume in another order", config({"Volumes": {"/srv/\u202etad": {}}})),
    ("too many volumes", config({"Volumes": {f"/srv/{number}": {} for number in range(VOLUMES + 1)}})),
    ("a label that is a number", config({"Labels": {"a": 1}})),
    *[
        (f"{name} colours a terminal", config({"Labels": {name: "\x1b[31m"}}))
        for name in (TITLE, VERSION, APP_ID)
    ],
    *[
        (f"{name} has a C1 control", config({"Labels": {name: "a\x9bm"}}))
        for name in (TITLE, VERSION, APP_ID)
    ],
    ("a long title", config({"Labels": {TITLE: "a" * (TEXT_LENGTH + 1)}})),
]


@pytest.mark.parametrize("document", [case[1] for case in HOSTILE], ids=[case[0] for case in HOSTILE])
def test_a_config_that_no_program_should_act_on_is_refused(document: Document) -> None:
    with pytest.raises(BadManifest) as caught:
        parse(document)
    assert caught.value.message.isprintable()


def test_duplicate_names_are_refused() -> None:
    raw = json.dumps(config()).encode().replace(b'"os"', b'"os":"linux","os"')
    with pytest.raises(BadManifest, match="twice"):
        parse_config(raw)


def test_a_config_of_the_largest_size_is_read_and_one_byte_more_is_not() -> None:
    raw = json.dumps(config()).encode()
    padded = raw + b" " * (CONFIG_BYTES - len(raw))
    assert parse_config(padded).platform == Platform("linux", "amd64")
    with pytest.raises(BadManifest, match=str(CONFIG_BYTES)):
        parse_config(padded + b" ")
