# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What `--from` names, opened with the caller's own permissions and handed over as one descriptor.

A file is handed over as it is. Of a directory the one image that is asked for is written into a pipe as an
archive, anew for each time that the daemon asks; a preview needs none of its layers. The daemon verifies all
of it, whatever is sent: nothing here is believed.
"""

import contextlib
import os
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from appctl.bundles.archive import write_archive
from appctl.bundles.layout import pick
from appctl.failure import UNREADABLE, Failure, usage
from appctl.talk.wire import Descriptor

FILES = ("oci-archive", "docker-archive")
WAIT_SECONDS = 5.0  # for the writer, when nobody reads any more: it notices at its next byte


def check(text: str) -> None:
    """Raise Failure (Usage) for what `--from` does not take."""
    kind, colon, path = text.partition(":")
    if kind not in {"oci", *FILES} or not colon or not path:
        raise usage(f"--from {text!r} is none of oci:DIR, oci-archive:FILE and docker-archive:FILE")


@contextlib.contextmanager
def handed(text: str, reference: str, *, layers: bool) -> Iterator[Descriptor]:
    """The descriptor for one job about a whole reference, `layers` saying whether it needs them.

    Raises Failure for what cannot be opened or has no such image; and, when the block is left without
    another failure, for what could not be written.
    """
    kind, _, path = text.partition(":")
    if kind in FILES:
        with _file(Path(path)) as descriptor:
            yield Descriptor(descriptor)
        return
    members = pick(Path(path), reference, layers=layers)
    with _written(lambda sink: write_archive(Path(path), members, sink)) as descriptor:
        yield Descriptor(descriptor)


@contextlib.contextmanager
def _file(path: Path) -> Iterator[int]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise usage(f"{path}: {error.strerror}", UNREADABLE) from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise usage(f"{path} is no regular file", "--from oci:DIR reads a directory")
        yield descriptor
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _written(write: Callable[[int], None]) -> Iterator[int]:
    """The end of a pipe into which `write` writes meanwhile."""
    failures: list[Failure] = []
    reader, writer = os.pipe()

    def work() -> None:
        try:
            write(writer)
        except BrokenPipeError:
            pass  # the daemon has what it needs, or will say why not
        except OSError as error:
            failures.append(Failure("Failed", f"what is sent cannot be read: {error.strerror}", UNREADABLE))
        except Failure as failure:
            failures.append(failure)
        finally:
            os.close(writer)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield reader
    finally:
        os.close(reader)
        thread.join(WAIT_SECONDS)
    if failures:
        raise failures[0]
