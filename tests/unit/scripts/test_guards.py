# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""How guards are found and removed; that tests notice is what scripts/mutate-guards shows."""

import ast
from collections.abc import Sequence
from pathlib import Path

import pytest

from guards.guard import Guard
from guards.scope import all_guards, sample
from guards.syntax import find, helpers_of
from guards.trial import Bench, Known
from mutate_guards import EQUIVALENT, read_equivalent

TOP = Path(__file__).resolve().parents[3]

HELPERS = """
LIMIT = 10
def check(x):
    if x > LIMIT: raise ValueError
    return x
def refuse(x):
    raise ValueError
"""


def without(body: str) -> list[str]:
    """What becomes of a function with this body, a guard at a time."""
    source = ("def f(a, b):\n" + "".join(f"    {line}\n" for line in body.splitlines())).encode()
    helpers = helpers_of([ast.parse(HELPERS)])
    return [_body(guard.removed_from(source)) for guard in find("f.py", source, helpers)]


def _body(source: bytes) -> str:
    ast.parse(source)
    return "\n".join(line[4:] for line in source.decode().splitlines()[1:])


@pytest.mark.parametrize(
    ("body", "without_it"),
    [
        ("if a > b: raise E", ["if False: raise E"]),
        ("if a or b: raise E", ["if False or b: raise E", "if a or False: raise E"]),
        ("if not (a and b): raise E", ["if not (True and b): raise E", "if not (a and True): raise E"]),
        ("if not 1 < a < b: raise E", ["if not a < b: raise E", "if not 1 < a: raise E"]),
        ("if a: return None", ["if False: return None"]),
        ("if a: return b", []),
        ("if a:\n    b()\nelse:\n    raise E", ["if a:\n    b()\nelse:\n    pass"]),
        ("refuse(a)", ["pass"]),
        ("a = check(b)", ["a = b"]),
        ("os.fsync(a)", ["pass"]),
        ("a = os.open(b, os.O_RDONLY | os.O_NOFOLLOW)", ["a = os.open(b, os.O_RDONLY | 0)"]),
        ("os.stat(a, follow_symlinks=False)", ["os.stat(a, follow_symlinks=True)"]),
        ("a = b - remote.deny_keys", ["a = b"]),
        ("a.read(LIMIT + 1)", ["a.read((LIMIT * 1000) + 1)"]),
        ("a = [x for x in b if x.good]", ["a = [x for x in b if True]"]),
        ("match a:\n    case int() if b: pass", ["match a:\n    case int() if True: pass"]),
    ],
)
def test_a_guard_is_removed_in_each_of_its_forms(body: str, without_it: list[str]) -> None:
    assert without(body) == without_it


def test_a_judge_is_made_to_say_what_it_does_not_mean() -> None:
    source = b"def f(a, b) -> bool:\n    return a and b\ndef g(a) -> bool:\n    return a\n"
    instead = [(guard.text, guard.instead) for guard in find("f.py", source, helpers_of([]))]
    assert instead == [("a", b"True"), ("b", b"True"), ("a -> True", b"True"), ("a -> False", b"False")]


def test_a_name_outlives_changes_around_the_guard() -> None:
    source = b"class C:\n    def f(self):\n        if a: raise E\n        if a: raise F\n"
    names = ["x.py:C.f:a", "x.py:C.f:a #2"]
    for text in (source, b"import x\n\n" + source):
        assert [guard.name for guard in find("x.py", text, helpers_of([]))] == names


@pytest.fixture(scope="module")
def guards() -> list[Guard]:
    """Those of this checkout."""
    return all_guards(TOP)


def test_names_are_unique(guards: list[Guard]) -> None:
    names = [guard.name for guard in guards]
    assert len(names) == len(set(names)) > 500


def test_what_is_called_equivalent_is_there_and_has_a_reason(guards: list[Guard]) -> None:
    equivalent = read_equivalent(EQUIVALENT.read_text())
    assert equivalent.keys() <= {guard.name for guard in guards}
    assert all(len(reason) > 20 for reason in equivalent.values())


def test_the_sample_takes_some_of_many_files(guards: list[Guard]) -> None:
    files = [guard.file for guard in sample(guards)]
    assert len(set(files)) > 8
    assert len(files) < 40


(ANY,) = find("f.py", b"def f(a):\n    if a: raise E\n", helpers_of([]))


class Recorded(Bench):
    """A bench on which some tests are red without the guard, and some by themselves in any case."""

    def __init__(self, without: set[str], alone: set[str], files: list[str]) -> None:
        self._without, self._alone, self._files = without, alone, files

    def _widening(self, _guard: Guard, _known: Known, *, narrow: bool = False) -> list[list[str]]:
        return [self._files]

    def _red_without(self, _guard: Guard, tests: Sequence[str], known: Known) -> str:
        return next((test for test in tests if test in self._without), "") or self._run(tests, known)

    def _run(self, tests: Sequence[str], _known: Known) -> str:
        return next((test for test in tests if test in self._alone), "")


@pytest.mark.parametrize(
    ("without", "alone", "proof"),
    [
        ({"b"}, set(), "b"),
        ({"b", "c"}, {"b"}, "c"),
        (set(), {"a", "b"}, None),
        ({"b"}, {"b"}, None),
        (set(), set(), None),
    ],
)
def test_what_is_red_by_itself_proves_nothing(without: set[str], alone: set[str], proof: str | None) -> None:
    known = Known(seconds=dict.fromkeys("abc", 1.0))
    assert Recorded(without, alone, ["a", "b", "c"]).try_without(ANY, known) == proof


def test_what_hangs_with_the_guard_too_proves_nothing() -> None:
    known, tests, hung = Known(seconds={"a": 1.0}), ["a", "(no answer)"], {"(no answer)"}
    assert Recorded(hung, hung, tests).try_without(ANY, known) is None
    assert Recorded(hung, set(), tests).try_without(ANY, known) == "(no answer)"
