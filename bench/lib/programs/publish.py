# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""bench/publish: a directory becomes an image in a layout.

appctl's part is the whole command; the yardstick commits the directory with ostree, and packs it with tar and
gzip, which is what an image needs at least. The floor is gzip alone, of a tar that is there.
"""

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from engine.given import given_layer
from measure.cost import Cost, command
from measure.options import lenient, parser, places
from measure.report import Goal, Report, say
from measure.turns import Contender, take_turns

COMMIT, CHUNKS, PLAIN = "appctl publish", "appctl publish --chunked", "appctl publish --plain"
OSTREE, GZIP = "ostree commit, tar, gzip", "floor: gzip"
GOALS = (
    Goal(COMMIT, OSTREE, 0.75),
    Goal(CHUNKS, OSTREE, 0.75),
    Goal(PLAIN, OSTREE, 0.75),
    Goal(COMMIT, GZIP),
)
_APPCTL = Path(sys.executable).with_name("appctl")


def main() -> int:
    """Measure in each place; 1 if a goal is missed."""
    asked = parser("publish", __doc__.partition("\n")[2], runs=3)
    asked.add_argument("--layer", type=Path, help="a gzip layer instead of the generated one")
    options = asked.parse_args()
    layer = given_layer(options)
    report = Report("publish", {"runs": options.runs, **layer.facts()})
    for where in places(options):
        say(f"measuring on {where.name}")
        with tempfile.TemporaryDirectory(prefix="bench.", dir=where.path) as made:
            contenders = _contenders(_unpacked(layer.blob, Path(made)), Path(made))
            report.add(where.name, take_turns(contenders, options.runs, Path(made)), GOALS)
    report.print(as_json=options.json)
    return report.exit_code(lenient=lenient(options))


def _unpacked(blob: Path, place: Path) -> Path:
    tree = place / "tree"
    tree.mkdir()
    options = ["--exclude=dev/*", "--exclude=.wh.*", "--no-same-permissions"]
    subprocess.run(["tar", "-xzf", blob, "-C", tree, *options], check=True)
    subprocess.run(["chmod", "-R", "u+rwX", tree], check=True)
    return tree


def _contenders(tree: Path, place: Path) -> Mapping[str, Contender]:
    packed = place / "tree.tar"
    subprocess.run(["tar", "-cf", packed, "-C", tree, "."], check=True)
    return {
        COMMIT: partial(_publish, tree, []),
        CHUNKS: partial(_publish, tree, ["--chunked"]),
        PLAIN: partial(_publish, tree, ["--plain"]),
        OSTREE: partial(_ostree, tree),
        GZIP: partial(_gzip, packed),
    }


def _publish(tree: Path, options: list[str], place: Path) -> Cost:
    to = ["--to", f"oci:{place / 'layout'}", "--as", "bench.example/app:1"]
    return command([_APPCTL, "publish", tree, *to, *options], env={"TMPDIR": str(place)})


def _ostree(tree: Path, place: Path) -> Cost:
    repository = place / "repo"
    command(["ostree", "init", f"--repo={repository}", "--mode=bare-user"])
    ostree = ["ostree", "commit", f"--repo={repository}", "--branch=app", "--subject=", "--no-xattrs"]
    cost = command([*ostree, f"--tree=dir={tree}", "--owner-uid=0", "--owner-gid=0"])
    pack = 'tar --sort=name --mtime=@0 --owner=0 --group=0 -C "$1" -cf - . | gzip -6n >"$2"'
    return cost + command(["sh", "-c", pack, "sh", tree, place / "layer.tar.gz"])


def _gzip(packed: Path, place: Path) -> Cost:
    return command(["sh", "-c", 'gzip -6nc "$1" >"$2"', "sh", packed, place / "layer.tar.gz"])


if __name__ == "__main__":
    sys.exit(main())
