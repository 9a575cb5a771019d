# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Programs that work as the caller: what they say becomes a result or a Failure, and Ctrl-C ends them."""

import os
import signal
import sys
import threading
import time
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from appctl.failure import Failure
from appctl.programs import program
from appctl.programs.program import run_program

OPTIONS = Namespace(progress="json", quiet=False, noninteractive=False)


@pytest.fixture(autouse=True)
def isolated_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`-I -m program` finds no module of a test: a stand-in for the interpreter runs the file."""
    interpreter, stand_in = sys.executable, tmp_path / "python"
    stand_in.write_text(f'#!/bin/sh\nexec {interpreter} -I "{tmp_path}/$3.py"\n')
    stand_in.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(stand_in))


def run(tmp_path: Path, text: str, **request: Any) -> Any:  # noqa: ANN401 - a result
    (tmp_path / "made.py").write_text(f"import json, os, signal, sys, time\n{text}\n")
    return run_program(OPTIONS, "made", request)


def failed(tmp_path: Path, text: str) -> Failure:
    with pytest.raises(Failure) as caught:
        run(tmp_path, text)
    return caught.value


def test_the_request_goes_in_and_the_result_comes_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = """
asked = json.loads(sys.stdin.readline())
print(json.dumps({"progress": {"stage": "writing", "bytes": 3, "total": 7}}), flush=True)
print(json.dumps({"result": {"asked": asked, "argv": sys.argv[1:]}}))
"""
    assert run(tmp_path, text, secret="x") == {"asked": {"secret": "x"}, "argv": []}
    assert '"stage": "writing"' in capsys.readouterr().err


def test_who_has_answered_may_end_by_itself(tmp_path: Path) -> None:
    """A signal in the middle of that would be a traceback."""
    text = f"""
signal.signal(signal.SIGTERM, lambda *_: open({str(tmp_path / "killed")!r}, "w").close())
print(json.dumps({{"result": {{}}}}), flush=True)
os.close(1)
time.sleep(0.5)
"""
    assert run(tmp_path, text) == {}
    assert not (tmp_path / "killed").exists()


def test_an_error_is_a_failure_with_its_name_hint_and_exit_code(tmp_path: Path) -> None:
    text = 'print(json.dumps({"error": ["NoSpace", "full", "make room", {"bytes_needed": 7}]}))'
    failure = failed(tmp_path, text)
    assert (failure.name, failure.message, failure.hint, failure.code) == ("NoSpace", "full", "make room", 7)
    assert failure.details == {"bytes-needed": 7}


@pytest.mark.parametrize("text", ["", "sys.exit(3)", "os.kill(os.getpid(), 9)"])
def test_a_program_that_says_nothing_has_failed(tmp_path: Path, text: str) -> None:
    assert failed(tmp_path, text).name == "Failed"


@pytest.mark.parametrize("text", ["x", "[]", '{"error": "x"}', '{"error": ["x"]}', "{}"])
def test_an_answer_that_is_none_is_a_failure(tmp_path: Path, text: str) -> None:
    assert failed(tmp_path, f"print({text!r})").name == "Failed"


def test_a_line_that_does_not_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "LINE_BYTES", 1 << 16)
    assert failed(tmp_path, "while True: print('x' * 4096, end='', flush=True)").name == "Failed"


def test_a_program_that_is_not_there_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(Failure):
        run_program(OPTIONS, "nothing", {})


def interrupt_when(path: Path, times: int = 1) -> None:
    """Press Ctrl-C once that file is there; again when it is there again."""

    def press() -> None:
        for _ in range(times):
            while not path.exists():
                time.sleep(0.01)
            path.unlink()
            os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=press, daemon=True).start()


def test_ctrl_c_lets_the_program_tidy_up(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = f"""
def end(*_):
    open({str(tmp_path / "tidy")!r}, "w").close()
    sys.exit(143)
signal.signal(signal.SIGTERM, end)
signal.signal(signal.SIGINT, signal.SIG_IGN)
open({str(tmp_path / "there")!r}, "w").close()
time.sleep(100)
"""
    interrupt_when(tmp_path / "there")
    failure = failed(tmp_path, text)
    assert (failure.name, failure.code) == ("Cancelled", 130)
    assert (tmp_path / "tidy").exists()
    assert "Ctrl-C again" in capsys.readouterr().err


def test_a_second_ctrl_c_leaves_at_once(tmp_path: Path) -> None:
    text = f"""
there = {str(tmp_path / "there")!r}
signal.signal(signal.SIGTERM, lambda *_: open(there, "w").close())
open({str(tmp_path / "pid")!r}, "w").write(str(os.getpid()))
open(there, "w").close()
while True: time.sleep(100)
"""
    interrupt_when(tmp_path / "there", 2)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, text)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
