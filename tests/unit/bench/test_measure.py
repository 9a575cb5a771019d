# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What is measured, and how goals come out."""

import asyncio
import json
import subprocess
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path

import pytest

from appctld.system import child as child_module
from measure.cost import Cost, Watch, command
from measure.ended import note_what_is_ended, noted
from measure.report import Bound, Goal, Report
from measure.turns import Contender, Row, take_turns

BURN = "import time\nwhile time.process_time() < 0.3: pass"


def test_a_command_is_charged_for_its_children() -> None:
    cost = command(["sh", "-c", f"python3 -c '{BURN}'; true"])
    assert cost.cpu >= 0.3
    assert cost.wall >= 0.3


def test_what_bubblewrap_runs_is_charged_too() -> None:
    watch = Watch()
    sandbox = ("bwrap", "--unshare-all", "--die-with-parent", "--ro-bind", "/", "/")
    subprocess.run([*sandbox, "python3", "-c", BURN], check=True)
    assert watch.stop().cpu >= 0.3


SANDBOX = ("bwrap", "--unshare-all", "--die-with-parent", "--ro-bind", "/", "/", "--proc", "/proc")
WAITS = f"{BURN}\nprint(flush=True)\ntime.sleep(1000)"


def test_what_is_kept_is_charged_while_it_lives() -> None:
    burn_twice = f"{BURN}\nprint(flush=True)\ninput()\nwhile time.process_time() < 0.7: pass\n{WAITS}"
    command = [*SANDBOX, "python3", "-c", burn_twice]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdin
        assert worker.stdout
        worker.stdout.readline()
        watch, bystander = Watch(keeps=True), Watch()
        worker.stdin.write("\n")
        worker.stdin.flush()
        worker.stdout.readline()
        assert bystander.stop().cpu < 0.3
        assert watch.stop().cpu >= 0.3
        worker.kill()


def test_what_a_daemon_ends_is_noted_with_what_was_inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child_module, "_stop", child_module._stop)
    note_what_is_ended(tmp_path / "ended")
    assert noted(tmp_path / "ended") == 0

    async def work() -> None:
        words = [*SANDBOX, "python3", "-c", WAITS]
        async with child_module.child(words, stdin=DEVNULL, stdout=PIPE) as process:
            assert process.stdout
            await process.stdout.readline()

    asyncio.run(work())
    assert noted(tmp_path / "ended") >= 0.3


def test_a_command_that_fails_says_why() -> None:
    with pytest.raises(RuntimeError, match="no such thing"):
        command(["sh", "-c", "echo no such thing >&2; exit 3"])


def test_contenders_take_turns_in_empty_directories_that_are_removed(tmp_path: Path) -> None:
    order: list[str] = []

    def contender(name: str) -> Contender:
        def work(place: Path) -> Cost:
            assert not list(place.iterdir())
            (place / "closed").mkdir(mode=0o500)
            order.append(name)
            return Cost(1, 2)

        return work

    rows = take_turns({name: contender(name) for name in "ab"}, 2, tmp_path)
    assert order == ["a", "b", "a", "b"]
    assert rows["b"] == Row("b", (Cost(1, 2),) * 2)
    assert not list(tmp_path.iterdir())


def test_a_peer_that_cannot_run_is_left_out_but_never_appctl(tmp_path: Path) -> None:
    def failing(_place: Path) -> Cost:
        raise RuntimeError("not here")

    assert take_turns({"peer": failing}, 2, tmp_path) == {}
    with pytest.raises(RuntimeError):
        take_turns({"appctl": failing}, 2, tmp_path)


ROWS = {"ours": Row("ours", (Cost(1, 1), Cost(3, 1), Cost(2, 1))), "theirs": Row("theirs", (Cost(4, 2),))}


@pytest.mark.parametrize(("limit", "code"), [(0.6, 0), (0.5, 0), (0.4, 1)])
def test_a_goal_is_a_ratio_of_medians(limit: float, code: int) -> None:
    report = Report("x", {})
    report.add("here", ROWS, [Goal("ours", "theirs", limit), Goal("ours", "nobody", 0.0)])
    assert report.exit_code(lenient=False) == code
    assert report.exit_code(lenient=True) == 0


def test_a_bound_that_is_exceeded_is_a_missed_goal() -> None:
    report = Report("x", {})
    report.add("here", {}, bounds=[Bound("memory", 161, "MB", 160)])
    assert report.exit_code(lenient=False) == 1


def test_json_holds_every_run(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report("x", {"runs": 3})
    report.add("here", ROWS, [Goal("ours", "theirs", 0.5)])
    report.print(as_json=True)
    (section,) = json.loads(capsys.readouterr().out)["sections"]
    assert [cost["wall"] for cost in section["rows"][0]["costs"]] == [1, 3, 2]
    assert section["judged"][0]["missed"] is False


def test_a_table_gives_minimum_and_median(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report("x", {"runs": 3})
    report.add("here", ROWS, [Goal("ours", "theirs", 0.4)])
    report.print(as_json=False)
    out = capsys.readouterr().out
    assert "| ours | 1.000 | 2.000 | 1.000 | 1.000 |" in out
    assert "- ours / theirs: 0.50 (goal 0.4: missed); CPU 0.50" in out
