# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What is done to the daemon: one function for each kind, in a process of its own.

    python -m flooding.attacks KIND ADDRESS SHARE      SHARE of the numbers below, 1 for all of them

Prints what was sent and what came back, as JSON. Guarantees that each ends by itself. Whether the daemon
stood it is campaign.py's to say.
"""

import contextlib
import json
import os
import pathlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from flooding import messages
from flooding.clients import PATIENCE, Sender, in_turns

CLIENTS, FEWEST = 200, 20
CALLS = 10_000
SIGNALS = 5_000
AT_ONCE = 120  # calls without an answer; the bus lets one connection have 128
DEAF_CLIENTS = 20
OVERSIZE, OVERSIZE_BYTES = 10, 28 << 20  # the bus takes 32 MiB
OPTIONS = 100
DEEP = 500
LONG, LONG_BYTES = 100, 1 << 20  # below what the daemon reads at most
DEAR_CLIENTS = 4
DEAREST, DEAREST_BYTES = 200, 95 << 10  # longer ones than that it does not even look through
SIGNATURES = 50
ODD, ODD_AT_ONCE = 40, 20  # each leaves a call without an answer
MALFORMED = 20
DESCRIPTORS, DESCRIPTORS_EACH = 500, 16  # the bus takes 16 with a message
REST = 1.0  # seconds

Seen = dict[str, int]


def calls(address: str, share: float) -> Seen:
    """Many clients, and each calls again as soon as it is answered."""
    clients = max(FEWEST, int(CLIENTS * share))
    each = max(1, int(CALLS * share) // clients)
    with _senders(address, clients) as senders:
        in_turns(senders, messages.raw(messages.list_apps()), each)
        return _seen(senders, each * clients)


def burst(address: str, share: float) -> Seen:
    """As many calls, and as many at once as the bus lets one connection have without an answer."""
    with _senders(address, 1) as (sender,):
        for number in range(0, int(CALLS * share), AT_ONCE):
            for _ in range(AT_ONCE):
                sender.send(messages.raw(messages.list_apps()))
            sender.wait_for(number + AT_ONCE)
        return _seen([sender], sender.replies)


def signals(address: str, share: float) -> Seen:
    """Jobs, one after the other, until a subscriber has heard that many signals."""
    with _senders(address, 2) as (subscriber, caller):
        subscriber.send(messages.raw(messages.subscribe()))
        subscriber.wait_for(1)
        subscriber.seen.clear()
        number = 0
        while subscriber.seen["signals"] < SIGNALS * share:
            number += 1
            caller.send(messages.raw(messages.check_updates()))
            caller.wait_for(number)
            _hear(subscriber)
        return _seen([subscriber, caller], number)


def oversize(address: str, share: float) -> Seen:
    """The longest messages that the bus takes, of what costs most to read."""
    return _all(address, [messages.oversize(OVERSIZE_BYTES)] * max(1, int(OVERSIZE * share)))


def long(address: str, share: float) -> Seen:
    """Long messages of what costs most to read."""
    return _all(address, [messages.shorts(LONG_BYTES)] * max(1, int(LONG * share)))


def dear(address: str, share: float) -> Seen:
    """The longest that the daemon looks through of such, from several clients at once."""
    each = max(1, int(DEAREST * share) // DEAR_CLIENTS)
    with _senders(address, DEAR_CLIENTS) as senders:
        in_turns(senders, messages.shorts(DEAREST_BYTES), each)
        return _seen(senders, each * DEAR_CLIENTS)


def options(address: str, share: float) -> Seen:
    """Options that nobody knows, thousands with each call; the journal has a line of them."""
    return _all(address, [messages.options(DEAREST_BYTES)] * max(1, int(OPTIONS * share)))


def deep(address: str, share: float) -> Seen:
    """As deep as the bus lets through."""
    return _all(address, [*messages.deep()] * max(1, int(DEEP * share) // 4))


def signatures(address: str, share: float) -> Seen:
    """Signatures that nobody ever saw, thousands in each message."""
    return _all(
        address, (messages.signatures(LONG_BYTES, seed) for seed in range(max(1, int(SIGNATURES * share))))
    )


def odd(address: str, share: float) -> Seen:
    """What the bus passes on, and no library sends. Not all of it is answered."""
    rounds = max(1, int(ODD * share))
    with _senders(address, -(-rounds // ODD_AT_ONCE)) as senders:
        sent = 0
        for number in range(rounds):
            sender = senders[number // ODD_AT_ONCE]
            for message in messages.odd():
                sender.send(message)
                sent += 1
        for sender in senders:
            sender.send(messages.raw(messages.get_id()))
            sender.wait_for(1)
        return _seen(senders, sent)


def malformed(address: str, share: float) -> Seen:
    """What the bus refuses; it hangs up, so each takes a connection of its own."""
    sent = hung_up = 0
    for _ in range(max(1, int(MALFORMED * share))):
        for message in messages.malformed():
            with _senders(address, 1) as (sender,):
                sent += 1
                try:
                    sender.send(message)
                    sender.wait_for(1)
                except (OSError, EOFError):
                    hung_up += 1
    return {"sent": sent, "hung up": hung_up}


def deaf(address: str, share: float) -> Seen:
    """Clients that ask for long answers, and never read one."""
    with _senders(address, DEAF_CLIENTS) as senders:
        question = messages.raw(messages.introspect())
        each = max(1, int(AT_ONCE * share))
        for sender in senders:
            for _ in range(each):
                sender.send(question)
        time.sleep(REST)
        return _seen(senders, each * DEAF_CLIENTS)


def descriptors(address: str, share: float) -> Seen:
    """Descriptors that nobody asked for, half of them of a pipe that nobody writes to."""
    reading, writing = os.pipe()
    with _senders(address, 1) as (sender,), pathlib.Path(os.devnull).open() as null:
        number = max(1, int(DESCRIPTORS * share))
        handed = [reading, null.fileno()] * (DESCRIPTORS_EACH // 2)
        for done in range(number):
            sender.send(messages.with_descriptors(DESCRIPTORS_EACH), handed)
            sender.wait_for(done + 1)
        os.close(reading)
        os.close(writing)
        return _seen([sender], number)


KINDS: Mapping[str, Callable[[str, float], Seen]] = {
    kind.__name__: kind
    for kind in (
        calls,
        burst,
        signals,
        oversize,
        long,
        dear,
        options,
        deep,
        signatures,
        odd,
        malformed,
        deaf,
        descriptors,
    )
}


@contextmanager
def _senders(address: str, number: int) -> Iterator[list[Sender]]:
    with ExitStack() as stack:
        senders = [Sender(address) for _ in range(number)]
        for sender in senders:
            stack.callback(sender.close)
        yield senders


def _all(address: str, wanted: "Sequence[bytes] | Iterator[bytes]") -> Seen:
    with _senders(address, 1) as (sender,):
        sent = 0
        for message in wanted:
            sender.send(message)
            sent += 1
            sender.wait_for(sent)
        return _seen([sender], sent)


def _hear(subscriber: Sender) -> None:
    """Take what came, and wait for nothing."""
    subscriber.socket.settimeout(0)
    with contextlib.suppress(BlockingIOError):
        while True:
            subscriber.receive()
    subscriber.socket.settimeout(PATIENCE)


def _seen(senders: Sequence[Sender], sent: int) -> Seen:
    total = {"sent": sent}
    for sender in senders:
        for name, number in sender.seen.items():
            total[name] = total.get(name, 0) + number
    return total


if __name__ == "__main__":
    _, kind, address, share = sys.argv
    print(json.dumps(KINDS[kind](address, float(share))))
