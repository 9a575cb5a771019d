# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""An image's files, one layer over the other."""

from appctld.workers.images.tree import Tree
from appctld.workers.store.archive.entry import Entry, Type


def path(text: str) -> tuple[str, ...]:
    return tuple(text.split("/"))


def file(text: str, mode: int = 0o644) -> Entry:
    return Entry(Type.FILE, path(text), mode)


def link(text: str, target: str) -> Entry:
    return Entry(Type.SYMLINK, path(text), 0o777, target=target)


def tree(*layers: list[Entry]) -> Tree:
    made = Tree()
    for number, entries in enumerate(layers):
        made.add(entries, number)
    return made


def layer_of(made: Tree, text: str) -> int | None:
    node = made.find(text)
    return node.layer if node else None


def test_a_device_is_not_there() -> None:
    made = tree([Entry(Type.CHARACTER, ("dev", "console")), file("dev/file")])
    assert made.find("/dev/console") is None
    assert made.find("/dev/file")


def test_a_whiteout_of_what_is_not_there_hides_nothing() -> None:
    made = tree([file("a")], [file("nowhere/.wh.x"), file("nowhere/.wh..wh..opq"), file(".wh.b")])
    assert layer_of(made, "a") == 0


def test_the_root_has_an_entry_too() -> None:
    made = tree([Entry(Type.DIRECTORY, (), 0o700), file("a")])
    assert made.root.entry.mode == 0o700
    assert made.find("/a")


def test_a_file_goes_where_a_linked_directory_leads() -> None:
    made = tree([link("bin", "usr/bin"), file("usr/bin/a")], [file("bin/b"), file("usr/bin/.wh.a")])
    assert layer_of(made, "usr/bin/b") == 1
    assert made.find("bin/a") is None


def test_a_directory_over_a_directory_keeps_what_is_in_it() -> None:
    below, above = Entry(Type.DIRECTORY, ("d",), 0o755), Entry(Type.DIRECTORY, ("d",), 0o700)
    made = tree([below, file("d/a")], [above], [file("d")])
    assert made.find("d/a") is None
    made = tree([below, file("d/a")], [above])
    assert made.find("d/a")


def test_links_that_lead_round_or_out_lead_nowhere_else() -> None:
    made = tree([link("a", "b"), link("b", "a"), file("a/x"), link("up", "../../etc"), file("etc/passwd")])
    assert made.find("a") is None
    assert made.find("up/passwd") is made.find("/etc/passwd")


def test_a_hard_link_is_its_file() -> None:
    made = tree(
        [file("objects/aa.file"), Entry(Type.HARDLINK, path("usr/bin/a"), link=path("objects/aa.file"))]
    )
    found = made.find("usr/bin/a")
    assert found is not None
    assert found.entry.path == ("objects", "aa.file")
