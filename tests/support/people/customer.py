# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Somebody before examples/software-center, on a machine where quay.io is at home.

    python -m support.people.customer WORK PICTURES SCENE...      inside namesakes.inside; `visit` starts it

It prints one JSON object: scene -> what could be read. Of each SCENE a picture is taken, PICTURES/SCENE.png.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from math import hypot
from pathlib import Path
from typing import Any

from support.acme import NAMES, Acme, town
from support.buses.bus import INTERACTIVE, NAME, ROOT
from support.images.catalogs import LABELS, component, document, index, tree
from support.images.images import Settings
from support.images.png import png
from support.machines.machine import Machine
from support.machines.namesakes import run_inside
from support.people.hand import Hand, hand
from support.servers.fake_registry import FakeServer, Reply

PROGRAM = Path(__file__).resolve().parents[3] / "examples/software-center"
EDITOR, VIEWER, STUDIO = "org.acme.Editor", "org.acme.Viewer", "org.acme.Studio"
SKETCH = "org.acme.Sketch"  # which nobody signs
ASKS = "shared=network;\nfilesystems=~/Documents;{}\nsockets=wayland;\n"
MORE = ASKS.format("home;")
LARGE = 8_000_000  # many times what any part on the way holds back
ICON = 128  # pixels
APPS = {  # their names, and the colours of their icons
    EDITOR: ("Editor", ((90, 160, 250), (40, 80, 200))),
    VIEWER: ("Viewer", ((250, 190, 60), (230, 100, 30))),
}
PING = ["busctl", "--system", "--allow-interactive-authorization=no", "call", NAME, ROOT]
PING += ["org.freedesktop.DBus.Peer", "Ping"]
DESKTOP = "[Desktop Entry]\nType=Application\nExec=app\n"
Scenes = dict[str, list[str]]


def visit(work: Path, pictures: Path, *shown: str) -> Scenes:
    """Run this program in a namespace of its own; what it prints. Pictures are taken of what is `shown`."""
    scenes: Scenes = run_inside(work, NAMES, "support.people.customer", str(pictures), *shown)
    return scenes


class Visit:
    """`scenes` is what was to be read in each."""

    def __init__(self, acme: Acme, machine: Machine, person: Hand, pictures: dict[str, Path]) -> None:
        self.acme = acme
        self.machine = machine
        self.person = person
        self.scenes: Scenes = {}
        self.pictures = pictures

    def keep(self, scene: str, *words: str, over: str = "") -> None:
        """Wait for the words, and keep what is to be read with them. No picture has what is `over` soon."""
        self.scenes[scene] = self.person.see(*words)
        if scene in self.pictures:
            if over:
                self.person.miss(over)
            self.person.picture(self.pictures[scene])

    def install(self, name: str, title: str, *, found: bool = False) -> None:
        """Look at it, and say yes."""
        if found:
            self.person.press("View", title)
        else:
            self.person.write(f"acme/{name}")
        self.keep(f"preview of {name}", "Wants to Use", title)
        self.person.press("Install")
        self.keep(f"{name} installed", f"Installed {title}")


def installs(visit: Visit) -> None:
    """An empty list; what is found in a catalogue, and what is not; previews, and two apps."""
    visit.keep("empty", "No Apps Yet")
    visit.person.write("edit")
    visit.keep("found", "Editor", "labs has no catalogue")
    visit.install("editor", "Editor", found=True)
    visit.install("viewer", "Viewer")


def looks_at_what_nobody_signed(visit: Visit, hearsay: FakeServer) -> None:
    """A remote that checks no signatures, and only an index says what it has."""
    tag = visit.acme.image(SKETCH, "0.1")
    digest, layout = visit.acme.layout.digest(tag), visit.acme.layout
    manifest = {"Content-Type": "application/vnd.oci.image.manifest.v1+json", "Docker-Content-Digest": digest}
    hearsay.on(
        "/v2/loft/sketch/manifests/latest", Reply(headers=manifest, body=layout.blob(digest).read_bytes())
    )
    config = layout.manifest(tag)["config"]["digest"]
    hearsay.on(f"/v2/loft/sketch/blobs/{config}", Reply(body=layout.blob(config).read_bytes()))
    hearsay.on("/loft/index/static", Reply(body=index("loft/sketch", digest, SKETCH, "Sketch")))
    file = visit.machine.configuration / "loft.conf"
    file.write_text(f"[remote]\nurl=oci+http://{hearsay.host}/loft\nverify=none\n")
    visit.person.write("sketch")
    visit.keep("hearsay", "Sketch")
    visit.person.press("View", "Sketch")
    visit.keep("preview of sketch", "Wants to Use", "Nobody signed this")
    file.unlink()


def updates(visit: Visit) -> None:
    """An update that may, and one that asks for more than it may."""
    visit.acme.release("acme/editor:latest", EDITOR, "1.5", ASKS.format(""))
    visit.acme.release("acme/viewer:latest", VIEWER, "2.1", MORE)
    for _ in range(2):  # the second gets the job of the first, of which there is one end
        visit.person.press("Check for Updates")
    visit.person.see("1.4 → 1.5", "wants to use more")
    visit.person.miss("Cancel")
    visit.keep("updates", "Update All")
    visit.person.press("Update All")
    visit.keep("updated", "Updated Editor")
    visit.person.press("Review…", "Viewer")
    visit.keep("approval", "New", "All your files", over="Updated Editor")
    visit.person.press("Allow and Update")
    visit.keep("approved", "2.1 from acme")


def cancels(visit: Visit, mirror: FakeServer) -> None:
    """A download that somebody stops in the middle."""
    tag = visit.acme.image(STUDIO, "3.0", ASKS.format(""), noise=LARGE)
    visit.acme.push(tag, "labs/studio:latest", visit.acme.key)
    layer = visit.acme.layout.blob(
        digest := visit.acme.layout.manifest(tag)["layers"][-1]["digest"]
    ).read_bytes()
    mirror.on(f"/v2/labs/studio/blobs/{digest}", Reply(body=layer[: len(layer) // 2], stall=True))
    _downloads(visit)
    visit.person.see("MB of 8.0")
    visit.keep("progress", "downloading")
    visit.person.press("Cancel")
    visit.keep("cancelled", "cancelled")


def _downloads(visit: Visit) -> None:
    """Start what comes half; once more, that half is here."""
    visit.person.write("labs/studio")
    visit.person.see("Wants to Use", "Studio")
    visit.person.press("Install")
    visit.person.see("downloading", "of 8.0")


def is_refused(visit: Visit) -> None:
    """An update that somebody else signed."""
    stranger = visit.acme.keys.make("stranger")
    visit.acme.release("acme/editor:latest", EDITOR, "1.6", ASKS.format(""), key=stranger)
    visit.person.press("Check for Updates")
    visit.keep("refused", "which remote acme does not trust", over="Updated Viewer")


def goes_on_with_another_daemon(visit: Visit) -> None:
    """The service goes, in the middle of a job, and comes back."""
    _downloads(visit)
    visit.machine.stop(kill=True)
    visit.keep("without service", "The service ended", "Editor")
    visit.machine.start()
    visit.person.press("Go Back to 1.4", "Editor")
    visit.keep("rolled back", "1.4 from acme")


def removes(visit: Visit) -> None:
    """Somebody is asked, and one app is left."""
    visit.person.press("Remove", "Viewer")
    visit.keep("asked", "Remove Viewer?")
    visit.person.press("Remove")
    visit.keep("removed", "Removed Viewer")


@contextmanager
def heard(machine: Machine, file: Path) -> Iterator[Callable[[], list[str]]]:
    """Listen to the bus; gives a function that tells the calls, with options, about which polkit may ask."""
    with file.open("w") as told:
        command = ["busctl", "--system", "--json=short", "monitor", NAME]
        with subprocess.Popen(command, env=machine.environment, stdout=told) as monitor:
            try:
                while not file.stat().st_size:  # it hears nothing that was told before it listened
                    assert monitor.poll() is None, "nobody listens to the bus"
                    subprocess.run(PING, env=machine.environment, check=True, capture_output=True)
                yield lambda: sorted({" ".join(words) for words in _calls(file.read_text())})
            finally:
                monitor.terminate()


def _calls(told: str) -> Iterator[list[str]]:
    for line in told.splitlines():
        if not line.endswith("}"):  # the last may be half
            continue
        message: dict[str, Any] = json.loads(line)
        if message["flags"] & INTERACTIVE and message["type"] == "method_call":
            yield [message["member"], *sorted(message["payload"]["data"][-1])]


def publishes(acme: Acme) -> None:
    """Two apps, each with an icon, and a catalogue that has them."""
    for app, (name, _) in APPS.items():
        acme.shares[app] = {
            f"applications/{app}.desktop": f"{DESKTOP}Name={name}\nIcon={app}\n".encode(),
            f"icons/hicolor/128x128/apps/{app}.png": icon(app),
        }
    acme.release("acme/editor:latest", EDITOR, "1.4", ASKS.format(""))
    acme.release("acme/viewer:latest", VIEWER, "2.0", ASKS.format(""))
    listed = [component(app, f"quay.io/acme/{name.lower()}:latest", name) for app, (name, _) in APPS.items()]
    icons = {f"128x128/{app}.png": icon(app) for app in APPS}
    layer = acme.directory / "catalogue"
    for path, data in tree(document(*listed), icons).items():
        if data is not None:
            (layer / path).parent.mkdir(parents=True, exist_ok=True)
            (layer / path).write_bytes(data)
    acme.layout.build("catalogue", [layer], Settings(labels=LABELS))
    acme.push("catalogue", "acme/appctl-catalog:latest", acme.key)


def icon(app: str) -> bytes:
    """Something white on a square with round corners, from one colour to another."""
    _, (above, below) = APPS[app]
    white = _is_line if app == EDITOR else _is_lens
    rows: list[bytes] = []
    for y in range(ICON):
        colour = bytes(round(a + (b - a) * y / ICON) for a, b in zip(above, below, strict=True))
        rows.append(b"".join(b"\xff" * 3 if white(x, y) else colour for x in range(ICON)))
    return png(rows, corner=ICON // 5)


def _is_line(x: int, y: int) -> bool:
    return 28 <= x < (70 if y > 88 else 100) and 30 <= y < 111 and y % 24 in range(6, 15)


def _is_lens(x: int, y: int) -> bool:
    return not 14 < hypot(x - ICON / 2, y - ICON / 2) < 26 and hypot(x - ICON / 2, y - ICON / 2) < 38


def main() -> None:
    """Set the town up, and go through it."""
    work, taken, shown = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
    with ExitStack() as stack:
        acme, machine = stack.enter_context(town(work))
        mirror = stack.enter_context(FakeServer())
        file = acme.introduce()
        machine.add_remote("acme", "quay.io/acme", file, acme.lookaside.url)
        publishes(acme)
        place = f"oci+http://{mirror.host}/labs"
        machine.add_remote("labs", "quay.io/labs", file, acme.lookaside.url, "--mirror", place)
        both = {"DBUS_SESSION_BUS_ADDRESS": machine.environment["DBUS_SYSTEM_BUS_ADDRESS"]}
        both["XDG_DATA_DIRS"] = f"/usr/local/share:/usr/share:{machine.state / 'exports/share'}"
        calls = stack.enter_context(heard(machine, work / "calls"))
        person = stack.enter_context(hand(work / "h", PROGRAM, {**machine.environment, **both}))
        visit = Visit(acme, machine, person, {scene: taken / f"{scene}.png" for scene in shown})
        installs(visit)
        looks_at_what_nobody_signed(visit, mirror)
        cancels(visit, mirror)
        updates(visit)
        is_refused(visit)
        goes_on_with_another_daemon(visit)
        removes(visit)
        visit.scenes["calls that may ask"] = calls()
    print(json.dumps(visit.scenes))  # noqa: T201 - a program's answer


if __name__ == "__main__":
    main()
