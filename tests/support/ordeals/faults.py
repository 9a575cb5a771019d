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
LONG = 100.0  # seconds; one that no case reaches, on a busy machine either

_START = "import json, os, signal, sys, time\n"
_READ = _START + "request = json.loads(sys.stdin.readline())\n"
_SLEEP = "\nwhile True: time.sleep(1000)"


@dataclass(frozen=True)
class Fault:
    """One way to misbehave. `late`: only a deadline ends it. `bare`: outside of the sandbox, for strace."""

    name: str
    program: str = ""
    prefix: tuple[str, ...] = ()
    late: bool = False
    bare: bool = False

    @property
    def deadline(self) -> float:
        """How long the process may take, in seconds."""
        return SOON if self.late else LONG

    def command(self, argv: Sequence[str]) -> tuple[str, ...]:
        """What is started where `argv` would be; a stand-in finds `argv` in its arguments."""
        if self.program:
            return (sys.executable, "-I", "-S", "-c", self.program, *argv)
        end = argv.index("--") + 1  # the prefix stands inside of what isolates the program
        return (*(() if self.bare else argv[:end]), *self.prefix, *argv[end:])


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


_FILTER = _START + "data = sys.stdin.buffer.read()\n"
_KILL = "os.kill(os.getpid(), signal.SIGKILL)"

DECODER = (
    Fault("is killed before it reads", _START + "os.kill(os.getpid(), signal.SIGKILL)"),
    Fault("is killed in the middle", _FILTER + "os.write(1, bytes(512)); " + _KILL),
    Fault("is terminated", _FILTER + "os.kill(os.getpid(), signal.SIGTERM)"),
    Fault("fails", _FILTER + "raise SystemExit(1)"),
    Fault("writes nothing", _FILTER),
    Fault("writes too little", _FILTER + "os.write(1, bytes(512))"),
    Fault("writes garbage", _FILTER + "os.write(1, os.urandom(20000))"),
    Fault("writes for ever", _FILTER + "while True: os.write(1, bytes(65536))"),
    Fault("hangs", _FILTER + _SLEEP, late=True),
    Fault("is stopped", _FILTER + "os.kill(os.getpid(), signal.SIGSTOP)", late=True),
    Fault("closes its pipe and lives on", _FILTER + "os.close(1)" + _SLEEP),
)
"""In the place of igzip, gzip or zstd."""

_STATUS = _START + "status = int(sys.argv[sys.argv.index('--status-fd') + 1])\n"
_GOOD = "os.write(status, b'[GNUPG:] NEWSIG\\n[GNUPG:] GOODSIG 0 x\\n')\n"

GPGV = (
    Fault("is killed before it reads", _STATUS + "os.kill(os.getpid(), signal.SIGKILL)"),
    Fault("is killed in the middle", _STATUS + _GOOD + "os.kill(os.getpid(), signal.SIGKILL)"),
    Fault("is terminated", _STATUS + _GOOD + "os.kill(os.getpid(), signal.SIGTERM)"),
    Fault("ends without a word", _STATUS),
    Fault("says too little", _STATUS + _GOOD),
    Fault("writes garbage", _STATUS + "os.write(status, os.urandom(999))"),
    Fault("writes for ever", _STATUS + "while True: os.write(1, bytes(65536))"),
    Fault("reports for ever", _STATUS + "while True: os.write(status, b'[GNUPG:] NEWSIG\\n' * 999)"),
    Fault("hangs", _STATUS + _SLEEP, late=True),
    Fault("closes its pipes and lives on", _STATUS + "os.close(status); os.close(1)" + _SLEEP, late=True),
)
"""In the place of gpgv."""


def limited(**limits: int) -> Fault:
    """The real program with less than it needs (prlimit's names: as, fsize, nofile, cpu)."""
    words = [f"--{name}={value}" for name, value in limits.items()]
    return Fault("has " + ", ".join(words), prefix=("prlimit", *words, "--"))


def injected(call: str, what: str, when: int = 1, *, bare: bool = False) -> Fault:
    """The real program, to whose call number `when` (of its kind, in its thread) strace does `what`.

    `what` is strace's: `signal=KILL`, `error=ENOSPC`, … (With --seccomp-bpf strace 6.1 loses the signals.)
    """
    quiet = ("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}")
    rule = ("-e", f"inject={call}:{what}:when={when}", "--")
    return Fault(f"{what.partition('=')[2]} at {call} {when}", prefix=(*quiet, *rule), bare=bare)
