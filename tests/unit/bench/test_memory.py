# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The peak of a tree of processes."""

import os
import subprocess
import time

from measure.memory import descendants, sampling

HOLD = "import sys; data = b'x' * 50_000_000; print(flush=True); sys.stdin.read()"


def test_the_peak_counts_what_children_hold_in_a_sandbox_too() -> None:
    sandbox = ("bwrap", "--unshare-all", "--die-with-parent", "--ro-bind", "/", "/", "python3", "-c", HOLD)
    before = descendants(os.getpid())
    with sampling(before) as sampler, subprocess.Popen(sandbox, stdin=-1, stdout=-1) as child:
        assert child.stdout is not None
        child.stdout.readline()
        looked = sampler.looks
        while sampler.looks < looked + 2:
            time.sleep(0.01)
        child.communicate()
    assert 50_000_000 < sampler.peak.total < 80_000_000
    assert sum(sampler.peak.programs.values()) == sampler.peak.total


def test_a_child_that_is_no_program_yet_does_not_count() -> None:
    """Its memory is its parent's: hundreds of MB of a test run, or a benchmark's own."""
    ours, theirs = os.pipe()
    child = os.fork()
    if not child:
        os.read(ours, 1)
        os._exit(0)
    try:
        with sampling(descendants(os.getpid()) - {child}) as sampler:
            while sampler.looks < 2:
                time.sleep(0.01)
        assert sampler.peak.total == 0
    finally:
        os.write(theirs, b"x")
        os.waitpid(child, 0)
        os.close(ours)
        os.close(theirs)


def test_what_is_left_out_and_what_is_below_it_do_not_count() -> None:
    with subprocess.Popen(["sh", "-c", "sleep 60 & wait"], start_new_session=True) as child:
        while len(family := descendants(os.getpid())) < 2:
            time.sleep(0.01)
        assert not (descendants(os.getpid(), without=[child.pid]) & family)
        os.killpg(child.pid, 9)
