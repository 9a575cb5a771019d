# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The publisher's side of scripts/boot-test: serves the demo's app, signed, until it is terminated.

Its argument is a directory for what others must know: publisher.asc, url, lookaside, name; and `ready` when
all of that answers, a catalogue too. Version 2 is there under the tag `next`; when somebody makes the file
`release`, it becomes what `name` means, and the file `released` appears.
"""

import signal
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tests"))

from support.images import greeter
from support.images.catalogs import LABELS, component, document, tree
from support.images.images import Settings
from support.publishers.publisher import Publisher


def main() -> None:
    """Publish, say where, wait for SIGTERM."""
    facts = Path(sys.argv[1])
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    with tempfile.TemporaryDirectory(prefix="publisher.") as work, Publisher(Path(work)) as publisher:
        key = publisher.keys.make("publisher")
        layers, more = Path(work, "layers"), Path(work, "more")
        layers.mkdir()
        more.mkdir()
        greeter.build(publisher.layout, layers, 1)
        publisher.push("v1", "demo/greeter:stable", key)
        greeter.build(publisher.layout, more, 2)
        publisher.push("v2", "demo/greeter:next", key)
        _list(publisher, Path(work, "catalogue"), key)
        (facts / "publisher.asc").write_bytes(publisher.keys.export(key, armor=True))
        (facts / "url").write_text(f"oci+http://{publisher.registry.host}/demo")
        (facts / "lookaside").write_text(publisher.lookaside.url)
        (facts / "name").write_text("demo/greeter:stable")
        (facts / "ready").touch()
        while not (facts / "release").exists():
            if signal.sigtimedwait({signal.SIGTERM}, 0.2):
                return
        publisher.push("v2", "demo/greeter:stable", key)
        (facts / "released").touch()
        signal.sigwait({signal.SIGTERM})


def _list(publisher: Publisher, layer: Path, key: str) -> None:
    """Publish the catalogue, in which the app is."""
    reference = f"{publisher.registry.host}/demo/greeter:stable"
    for path, data in tree(document(component(greeter.APP_ID, reference, "Greeter"))).items():
        if data is not None:
            (layer / path).parent.mkdir(parents=True, exist_ok=True)
            (layer / path).write_bytes(data)
    publisher.layout.build("catalogue", [layer], Settings(labels=LABELS))
    publisher.push("catalogue", "demo/appctl-catalog:latest", key)


if __name__ == "__main__":
    main()
