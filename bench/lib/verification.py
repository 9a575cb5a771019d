# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Milliseconds of a verdict for gpg, cosign and gpg+cosign beside an empty sandbox's; for bench/verification.

All are measured in turn within one run, so that what else the machine does meets each of them alike. The
first round only warms up; what it costs to load `cryptography` is told by itself.
"""

import argparse
import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

from appctld.model.digest import Digest
from appctld.model.reference import parse_reference
from appctld.system.capture import capture
from appctld.system.sandbox import Bubblewrap
from appctld.trust.evidence import Evidence
from appctld.trust.sigstore.keys import read_public_keys
from appctld.trust.verdict import judge
from support.signatures.keys import Keys, payload
from support.signatures.policy import Trusting

SANDBOX = Bubblewrap(())
DIGEST = Digest.of(b"the manifest")
REFERENCE = parse_reference("quay.io/acme/editor:1")
EMPTY = "empty sandbox"
GOAL = 50.0  # milliseconds that a verdict may add to what the network takes
Work = Callable[[], Awaitable[object]]


def main() -> int:
    """Print the table; 1 if the goal is missed."""
    parser = argparse.ArgumentParser(prog="bench/verification")
    parser.add_argument("--runs", type=int, default=50)
    runs: int = parser.parse_args().runs
    loading = _loading()
    with Keys() as keys:
        works = _works(keys)
        asyncio.run(_rounds(works, 1))
        times = asyncio.run(_rounds(works, runs))
    _print(times, runs)
    print(f"\nloading cryptography, once in a daemon's life, at the first cosign key: {loading:.1f} ms")
    return int(any(min(found) > GOAL for found in times.values()))


def _loading() -> float:
    began = time.perf_counter()
    read_public_keys(b"-----BEGIN PUBLIC KEY-----\n" + ED25519 + b"\n-----END PUBLIC KEY-----\n")
    return (time.perf_counter() - began) * 1000


ED25519 = b"MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="  # RFC 8032, 7.1, the first test's


def _works(keys: Keys) -> dict[str, Work]:
    """What is measured, by name."""
    from support.signatures.cosign import CosignKey  # noqa: PLC0415 - after loading was measured

    publisher, key = keys.make("publisher", "rsa3072"), CosignKey()
    blob = keys.sign(payload(str(DIGEST), str(REFERENCE)), publisher)
    evidence = Evidence(DIGEST, (blob,), (key.attach(str(DIGEST), str(REFERENCE)),))
    remote = Trusting(keys.export(publisher), key.pem)

    def judging(verify: str) -> Work:
        return lambda: judge(evidence, REFERENCE, replace(remote, verify=verify), SANDBOX, int(time.time()))

    return {EMPTY: _nothing, **{verify: judging(verify) for verify in ("gpg", "cosign", "gpg+cosign")}}


async def _nothing() -> object:
    return await capture(
        SANDBOX.stock("true"),
        pass_fds=(),
        deadline=20.0,
        max_output=1,
        status=False,
        environment=SANDBOX.environment,
        what="true",
    )


async def _rounds(works: dict[str, Work], runs: int) -> dict[str, list[float]]:
    """Milliseconds of each, in turn."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(runs):
        for name, work in works.items():
            began = time.perf_counter()
            await work()
            times[name].append((time.perf_counter() - began) * 1000)
    return times


def _print(times: dict[str, list[float]], runs: int) -> None:
    least, middle = min(times[EMPTY]), statistics.median(times[EMPTY])
    print(f"{runs} runs; milliseconds, and how many times an empty sandbox's start\n")
    print(f"{'':<15}{'minimum':>9}{'ratio':>7}{'median':>9}{'ratio':>7}")
    for name, found in times.items():
        low, median = min(found), statistics.median(found)
        print(f"{name:<15}{low:>9.2f}{low / least:>7.2f}{median:>9.2f}{median / middle:>7.2f}")


if __name__ == "__main__":
    sys.exit(main())
