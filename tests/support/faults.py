# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""How one process of a job can go wrong: what stands in its place, or in front of it.

A stand-in is a small Python program that gets the worker's command line, input and descriptors; a prefix
leaves the real program in its place and does something to it (limits, strace's injection). Nothing here knows
which worker it is used on; house.py starts it, tests say what must come of it.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

SOON = 0.5  # seconds; the deadline of what hangs, in the place of minutes or hours
LONG = 60.0  # seconds; one that no case reaches

_START = "import json, os, signal, sys, time\n"
_READ = _START + "request = json.loads(sys.stdin.readline())\n"
_SLEEP = "\nwhile True: time.sleep(1000)"


@dataclass(frozen=True)
class Fault:
    """One way to misbehave; `late` says that only a deadline ends it."""

    name: str
    program: str = ""
    prefix: tuple[str, ...] = ()
    late: bool = False

    @property
    def deadline(self) -> float:
        """How long the process may take, in seconds."""
        return SOON if self.late else LONG

    def command(self, argv: Sequence[str]) -> tuple[str, ...]:
        """What is started where `argv` would be."""
        if self.program:
            return (sys.executable, "-I", "-S", "-c", self.program)
        end = argv.index("--") + 1 if "--" in argv else 0  # inside of what isolates it
        return (*argv[:end], *self.prefix, *argv[end:])


MUTE = (
    Fault("is killed before it reads", _START + "os.kill(os.getpid(), signal.SIGKILL)"),
    Fault("is killed when it has read", _READ + "os.kill(os.getpid(), signal.SIGKILL)"),
    Fault("is terminated", _READ + "os.kill(os.getpid(), signal.SIGTERM)"),
    Fault("ends without a word", _READ),
    Fault("hangs before it reads", _START + _SLEEP, late=True),
    Fault("hangs and is deaf", _READ + "signal.signal(signal.SIGTERM, signal.SIG_IGN)" + _SLEEP, late=True),
    Fault("is stopped", _READ + "os.kill(os.getpid(), signal.SIGSTOP)", late=True),
    Fault("closes its pipe and lives on", _READ + "os.close(1)" + _SLEEP),
    Fault("reports for ever", _READ + "while True: os.write(1, b'{\"progress\": {}}\\n')", late=True),
)
"""It never answers."""

GARBLED = (
    Fault("writes half an answer", _READ + "os.write(1, b'{\"result\": {')"),
    Fault("writes garbage", _READ + "os.write(1, os.urandom(4096) + b'\\n')"),
    Fault("writes an endless line", _READ + "while True: os.write(1, b'x' * 65536)"),
    Fault("writes an error that is none", _READ + 'os.write(1, b\'{"error": ["KeyError", 1]}\\n\')'),
    Fault("answers before it reads", _START + "os.write(1, b'{\"result\": {}}\\n')"),
    Fault("answers twice", _READ + 'os.write(1, b\'{"result": {}}\\n{"result": {"size": 1}}\\n\')'),
)
"""It answers, and nobody can make sense of that."""

MISBEHAVIOUR = MUTE + GARBLED

_PLAUSIBLE = (
    _READ
    + """
answer = {
    "resolve": {"documents": [{"media_type": "application/vnd.oci.image.manifest.v1+json", "size": 64}]},
    "signatures": {"sizes": [64], "looked_at": []},
    "blob": {"size": request.get("size")},
    "import": {"keys": [{"fingerprint": "A" * 40}]},
}[request["op"]]
size = request.get("size", 64)
out = request["fds"]["out"]
def say():
    os.write(1, json.dumps({"result": answer}).encode() + b"\\n")
def put(data):
    while data:
        data = data[os.write(out, data):]
"""
)

LYING = (
    Fault("writes too little", _PLAUSIBLE + "put(bytes(size // 2)); say()"),
    Fault("writes nothing", _PLAUSIBLE + "say()"),
    Fault("writes other bytes", _PLAUSIBLE + "put(os.urandom(size)); say()"),
    Fault("writes too much", _PLAUSIBLE + "put(bytes(size + 1)); say()"),
    Fault("writes for ever", _PLAUSIBLE + "while True: put(bytes(65536))"),
    Fault("says so before it writes", _PLAUSIBLE + "say(); put(bytes(size))"),
    Fault("writes half and is killed", _PLAUSIBLE + "put(bytes(size // 2)); os.kill(os.getpid(), 9)"),
    Fault("writes half and hangs", _PLAUSIBLE + "put(bytes(size // 2))" + _SLEEP, late=True),
    Fault("writes all, and hangs", _PLAUSIBLE + "put(bytes(size)); os.close(out)" + _SLEEP, late=True),
)
"""Its answer makes sense, and the bytes that it wrote beside are others."""


def limited(**limits: int) -> Fault:
    """The real program with less than it needs (prlimit's names: as, fsize, nofile, cpu)."""
    words = [f"--{name}={value}" for name, value in limits.items()]
    return Fault("has " + ", ".join(words), prefix=("prlimit", *words, "--"))


def injected(call: str, what: str, when: int | str = 1) -> Fault:
    """The real program, to whose call number `when` (of its kind) strace does `what`."""
    rule = f"inject={call}:{what}:when={when}"
    quiet = ("strace", "-f", "-qq", "--seccomp-bpf", "-o", "/dev/null", "-e", f"trace={call.rstrip('?')}")
    return Fault(f"{call} {what} at {when}", prefix=(*quiet, "-e", rule, "--"))
