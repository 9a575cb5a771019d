# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""bench/responsiveness: D-Bus round trips to the daemon while it installs an image of two layers.

A caller of its own asks for a property of the Manager, and in turns for the bus's own id: what the second
takes is the machine's, busy with the import, and not the daemon's.
"""

import itertools
import statistics
import sys
import tempfile
import threading
import time
from contextlib import closing
from functools import partial
from pathlib import Path

from jeepney import DBusAddress, Message, new_method_call
from jeepney.io.blocking import DBusConnection, open_dbus_connection

from engine.given import given_image
from engine.published import Published
from engine.user import appctl, check_runnable, user_of
from inputs.layer import Layer
from measure.beside import beside
from measure.cost import Cost
from measure.options import Where, lenient, parser, places
from measure.report import Bound, Report, say
from measure.turns import Row
from support.buses.bus import MANAGER, NAME, PROPERTIES, ROOT

LIMIT = 5.0  # milliseconds: what a person does not notice, with room for the caller's own work
PAUSE = 0.002  # seconds between two calls: often enough to meet every stall, and no load worth naming
BUS, DAEMON = "the bus", "the daemon"
CALLS = {
    BUS: new_method_call(
        DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus"), "GetId"
    ),
    DAEMON: new_method_call(DBusAddress(ROOT, NAME, PROPERTIES), "Get", "ss", (MANAGER, "Busy")),
}


def main() -> int:
    """Measure in each place; 1 if a goal is missed."""
    asked = parser("responsiveness", __doc__.partition("\n")[2], runs=3)
    asked.add_argument("--image", help="oci:DIR:TAG instead of the generated image")
    options = asked.parse_args()
    layers = given_image(options)
    report = Report("responsiveness", {"runs": options.runs, "layers": len(layers)})
    for where in places(options):
        say(f"measuring on {where.name}")
        _measure(layers, where, options.runs, report)
    report.print(as_json=options.json)
    return report.exit_code(lenient=lenient(options))


def _measure(layers: list[Layer], where: Where, runs: int, report: Report) -> None:
    trips: dict[str, list[float]] = {name: [] for name in CALLS}
    costs: list[Cost] = []
    with tempfile.TemporaryDirectory(prefix="bench.", dir=where.path) as made:
        place = Path(made)
        with Published(place / "publisher") as published:
            published.push("1", layers)
            costs.extend(_installed(published, place / str(number), trips) for number in range(runs))
    report.add(where.name, {"appctl install": Row("appctl install", tuple(costs))}, (), _bounds(trips))


def _installed(published: Published, place: Path, trips: dict[str, list[float]]) -> Cost:
    """The cost of one install; the milliseconds of the round trips meanwhile are added to `trips`."""
    place.mkdir()
    with user_of(published, place) as machine:
        with beside(partial(_call, machine.environment["DBUS_SESSION_BUS_ADDRESS"], trips)):
            cost = appctl(machine, "install", "-y", published.image("1"))
        check_runnable(machine)
    return cost


def _call(address: str, trips: dict[str, list[float]], ended: threading.Event) -> None:
    """Call until it ended, and note the milliseconds of each round trip."""
    with closing(open_dbus_connection(address)) as connection:
        for name, call in itertools.cycle(CALLS.items()):
            trips[name].append(_round_trip(connection, call))
            if ended.wait(PAUSE):
                return


def _round_trip(connection: DBusConnection, call: Message) -> float:
    begun = time.perf_counter()
    connection.send_and_get_reply(call)
    return (time.perf_counter() - begun) * 1000


def _bounds(trips: dict[str, list[float]]) -> list[Bound]:
    return [
        Bound(f"{what} of {len(times)} round trips to {name}", round(value, 2), "ms", limit)
        for name, times in trips.items()
        for what, value, limit in (
            ("median", statistics.median(times), None),
            ("p99", _p99(times), LIMIT if name == DAEMON else None),
            ("longest", max(times), None),
        )
    ]


def _p99(times: list[float]) -> float:
    return sorted(times)[len(times) * 99 // 100]


if __name__ == "__main__":
    sys.exit(main())
