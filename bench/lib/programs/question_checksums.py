# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""bench/question-checksums: what does hashing cost in an import, with and without SHA instructions?

The share of SHA-256 is bytes hashed times what a byte costs; that both are right is seen where it can be
switched: the CPU time of an import without the instructions, less that with them, must be what the rates
predict. Where the rest goes is sampled, by the file whose code ran.
"""

import asyncio
import sys
import tarfile
import tempfile
import zlib
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from engine.engine import Engine, import_layers
from engine.given import given_layer
from engine.launcher import WithVariable
from inputs.layer import Layer
from inputs.layout import Layout
from measure.cost import Cost, command, timed
from measure.options import Where, lenient, parser, places
from measure.profile import profile
from measure.report import Report, say
from measure.sha256 import VARIABLE, WITHOUT, rates
from measure.turns import Row, take_turns
from peers.ostree_ext import contender as ostree_ext
from peers.unpack import ostree_commit, ostree_commit_command
from shown.plots import bars

APPCTL, PLAIN, OSTREE, EXT = "appctl", "appctl, no SHA instructions", "ostree commit", "ostree-ext"
RATE = {APPCTL: "openssl", PLAIN: "openssl-plain", OSTREE: "glib", EXT: "glib"}
PARTS = ("SHA-256", "inflate", "kernel", "the rest")
GROUPS = {
    "libcrypto": "OpenSSL: SHA-256",
    "igzip": "inflate",
    "libisal": "inflate",
    "libz": "inflate",
    "python": "Python",
    "libglib": "GLib, its SHA-256 too",
    "libgobject": "GLib, its SHA-256 too",
    "libgio": "GLib, its SHA-256 too",
    "libc.": "libc: malloc, memcpy",
    "libostree": "libostree",
    "libarchive": "libarchive",
}


def main() -> int:
    """Measure in each place, and print the answer's table and plot."""
    asked = parser("question-checksums", __doc__.partition("\n")[2])
    asked.add_argument("--layer", type=Path, help="a gzip layer instead of the generated one")
    options = asked.parse_args()
    options.at = options.at or [Path("/dev/shm")]  # noqa: S108 - a disk adds nothing that is asked for
    layer = given_layer(options)
    report = Report("question-checksums", {"runs": options.runs, **layer.facts()})
    for where in places(options):
        say(f"measuring on {where.name}")
        with tempfile.TemporaryDirectory(prefix="bench.", dir=where.path) as made:
            _measure(layer, where, Path(made), options.runs, report)
    report.print(as_json=options.json)
    return report.exit_code(lenient=lenient(options))


def _measure(layer: Layer, where: Where, place: Path, runs: int, report: Report) -> None:
    layout = Layout(place / "layout")
    layout.add("1", [layer])
    rows = take_turns(
        {
            APPCTL: partial(_import, layout, ""),
            PLAIN: partial(_import, layout, WITHOUT),
            OSTREE: partial(ostree_commit, layer.blob),
            **ostree_ext(EXT, layout, place),
        },
        runs,
        place,
    )
    speed, hashed = rates(), _hashed(layer)
    report.add(where.name, rows)
    report.add_table("SHA-256 on this machine", ["code", "MB/s"], _rate_rows(speed))
    shares = {name: _shares(row, hashed[RATE[name]], speed[RATE[name]], layer) for name, row in rows.items()}
    report.add_table("Share of SHA-256 in the CPU time of an import", *_share_table(rows, shares, hashed))
    report.add_table("The check: SHA instructions switched off", *_check(rows, hashed, speed))
    add_profiles(layout, layer, place, report)
    stacks = {name: [share[part] for part in PARTS] for name, share in shares.items()}
    title = "CPU time of an import, by what it is spent on"
    report.add_plot(bars("question-checksums", title, "CPU seconds", PARTS, stacks))


def _hashed(layer: Layer) -> dict[str, int]:
    """Bytes that each hashes: of the content alone, or (R2) of the tar too. Heads and trees are a percent."""
    with tarfile.open(layer.blob, "r|gz") as archive:
        content = sum(member.size for member in archive if member.isreg())
    both = layer.tar_size + content
    return {"openssl": both, "openssl-plain": both, "glib": content}


def _rate_rows(speed: Mapping[str, float]) -> list[list[object]]:
    names = {
        "openssl": "OpenSSL (hashlib), as it is here",
        "openssl-plain": "OpenSSL without SHA instructions",
        "glib": "GLib (GChecksum), which libostree takes",
    }
    return [[names[name], round(rate / 1e6)] for name, rate in speed.items()]


def _shares(row: Row, hashed: int, rate: float, layer: Layer) -> dict[str, float]:
    """CPU seconds of each part; inflating is the rest of a stack that only the profile can divide."""
    total, system = row.middle("cpu"), row.middle("system")
    known = {"SHA-256": hashed / rate, "inflate": _inflating(layer, row.name), "kernel": system}
    return {**known, "the rest": max(total - sum(known.values()), 0.0)}


def _inflating(layer: Layer, name: str) -> float:
    """User seconds of the decoder alone: igzip's for us, zlib's for libarchive."""
    if name.startswith(APPCTL):
        cost = command(["igzip", "-dc", layer.blob])
        return cost.cpu - cost.system
    cost = timed(lambda: _inflate_by_zlib(layer.blob))
    return cost.cpu - cost.system


def _inflate_by_zlib(blob: Path) -> None:
    inflating = zlib.decompressobj(wbits=31)  # 31: with gzip's header
    with blob.open("rb") as file:
        while piece := file.read(1 << 16):
            inflating.decompress(piece)


def _share_table(
    rows: Mapping[str, Row], shares: Mapping[str, Mapping[str, float]], hashed: Mapping[str, int]
) -> tuple[list[str], list[list[object]]]:
    columns = ["", "CPU, s", "bytes hashed", *(f"{part}, s" for part in PARTS), "share of SHA-256"]
    lines: list[list[object]] = []
    for name, row in rows.items():
        total, parts = row.middle("cpu"), [round(shares[name][part], 2) for part in PARTS]
        share = f"{100 * shares[name]['SHA-256'] / total:.0f} %"
        lines.append([name, round(total, 2), f"{hashed[RATE[name]] / 1e6:.0f} MB", *parts, share])
    return columns, lines


def _check(
    rows: Mapping[str, Row], hashed: Mapping[str, int], speed: Mapping[str, float]
) -> tuple[list[str], list[list[object]]]:
    more = rows[PLAIN].middle("cpu") - rows[APPCTL].middle("cpu")
    predicted = hashed["openssl"] * (1 / speed["openssl-plain"] - 1 / speed["openssl"])
    return ["", "CPU, s"], [["measured", round(more, 2)], ["bytes hashed, by the rates", round(predicted, 2)]]


def add_profiles(layout: Layout, layer: Layer, place: Path, report: Report) -> None:
    """Add the table of where user time goes; where nothing can be sampled there is none, and that is said."""
    title = "Where user time goes, sampled by file"
    columns, lines = _profiles(layout, layer, place)
    if lines:
        report.add_table(title, columns, lines)
    else:
        say(f"{title}: left out, for there is no perf that may sample")


def _profiles(layout: Layout, layer: Layer, place: Path) -> tuple[list[str], list[list[object]]]:
    for name in ("profile-ours", "profile-theirs"):
        (place / name).mkdir()
    ours = profile(
        [sys.executable, "-m", "engine.once", layout.directory, place / "profile-ours/state"],
        place / "profile-ours",
    )
    theirs = profile(ostree_commit_command(layer.blob, place / "profile-theirs"), place / "profile-theirs")
    grouped = [_grouped(ours), _grouped(theirs)]
    names = sorted(
        {name for one in grouped for name in one}, key=lambda name: -max(g.get(name, 0) for g in grouped)
    )
    lines: list[list[object]] = [
        [name, *(f"{100 * one.get(name, 0):.0f} %" if one else "not sampled" for one in grouped)]
        for name in names
    ]
    return ["code", APPCTL, OSTREE], lines


def _grouped(shares: Mapping[str, float]) -> dict[str, float]:
    found: dict[str, float] = {}
    for dso, share in shares.items():
        group = next((group for start, group in GROUPS.items() if dso.startswith(start)), "other")
        found[group] = found.get(group, 0.0) + share
    return found


def _import(layout: Layout, capability: str, place: Path) -> Cost:
    async def work() -> Cost:
        engine = Engine(place / "state", layout)
        if capability:
            engine.launch_with(lambda launcher: WithVariable(launcher, VARIABLE, capability))
        return (await import_layers(engine, await engine.plan("1")))[1]

    return asyncio.run(work())


if __name__ == "__main__":
    sys.exit(main())
