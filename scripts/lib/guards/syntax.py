# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Guards that the syntax tree tells.

- `if A or B: … raise`: A becomes False, then B; so does a condition before `return None`, `False` or `[]`;
- `raise` elsewhere, a call whose result nobody takes, of what may raise, and fsync, chmod and such: left out;
- a call that gives back what it checked: its argument, unchecked;
- what a judge (`-> bool`) returns: each part of a conjunction left out, and the other answer altogether;
- conditions of comprehensions and of `case`: True;
- keys that are denied: not subtracted;
- O_NOFOLLOW and its like, `follow_symlinks=False`, `validate=True`: the other way;
- a named limit that is an argument: a thousand times as large.

Leaves to others: what only a person can tell is a guard (by_hand.py).
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from guards.guard import Guard, shown

FLAGS = {"O_NOFOLLOW", "O_EXCL", "O_DIRECTORY"}
DENIED = {"deny_keys"}  # what is subtracted from what would count
KEYWORDS = {"follow_symlinks", "validate", "allow_redirects"}
EFFECTS = {"fsync", "fchmod", "chmod", "utime"}  # what R10 and R12 hang on
WORK = {"main", "write", "register", "__init__"}  # may raise, but are what a program is for
NO_LIMITS = re.compile(r"CHUNK|BLOCK|SECONDS|DEADLINE|MODE$|_OPEN$|_DIRECTORY$|_AT_FDCWD$")

_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Helpers:
    """Of all files: functions that may raise, those that give an argument back (which one), named numbers."""

    raising: frozenset[str]
    returning: Mapping[str, int]
    numbers: frozenset[str]


def find(file: str, source: bytes, helpers: Helpers) -> list[Guard]:
    """The guards of one file, in its order."""
    finder = _Finder(file, source, helpers)
    finder.visit(ast.parse(source))
    counts: Counter[str] = Counter()
    numbered = []
    for guard in sorted(finder.found, key=lambda guard: (guard.start, guard.end)):
        counts[guard.name] += 1
        numbered.append(replace(guard, number=counts[guard.name]))
    return numbered


def helpers_of(trees: list[ast.Module]) -> Helpers:
    """Read which functions and names guards are made of."""
    functions = [node for tree in trees for node in ast.walk(tree) if isinstance(node, _Function)]
    raising = {n.name for n in functions if any(isinstance(below, ast.Raise) for below in ast.walk(n))}
    raising |= {node.name for node in functions if _only_calls(node) & raising}
    returning: dict[str, int] = {}
    while more := {n.name for n in functions if _given_back(n, returning) is not None} - returning.keys():
        returning |= {n.name: _given_back(n, returning) or 0 for n in functions if n.name in more}
    numbers = frozenset(name for tree in trees for name in _numbers(tree))
    return Helpers(frozenset(raising), returning, numbers)


def _only_calls(function: _Function) -> set[str]:
    """What a function calls whose body is nothing but one call, as in `return parse(self.load(name))`."""
    *_, last = function.body
    documented = len(function.body) - bool(ast.get_docstring(function))
    if documented != 1 or not isinstance(last, (ast.Expr, ast.Return)):
        return set()
    return {_name(node) for node in ast.walk(last) if isinstance(node, ast.Call)}


def _given_back(function: _Function, returning: Mapping[str, int]) -> int | None:
    """Which argument a function that may raise gives back and nothing else; `self` does not count."""
    names = [argument.arg for argument in function.args.args if argument.arg != "self"]
    returns = [node.value for node in ast.walk(function) if isinstance(node, ast.Return)]
    found = {_returned(value, returning) for value in returns}
    if len(found) != 1 or not (only := found.pop()) or only not in names:
        return None
    checked = any(isinstance(node, ast.Raise) for node in ast.walk(function))
    return names.index(only) if checked or not isinstance(returns[0], ast.Name) else None


def _returned(value: ast.expr | None, returning: Mapping[str, int]) -> str:
    if isinstance(value, ast.Call) and _name(value) in returning:
        position = returning[_name(value)]
        value = value.args[position] if position < len(value.args) else None
    if isinstance(value, ast.IfExp):
        body, other = _returned(value.body, returning), _returned(value.orelse, returning)
        return body if body == other else ""
    return value.id if isinstance(value, ast.Name) else ""


def _numbers(tree: ast.Module) -> Iterator[str]:
    """Module-level names in capitals that hold a number."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            if (
                name.isupper()
                and not NO_LIMITS.search(name)
                and not any(
                    isinstance(part, (ast.Call, ast.Tuple, ast.Set, ast.Dict, ast.JoinedStr))
                    or _is_text(part)
                    for part in ast.walk(node.value)
                )
            ):
                yield name


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and not isinstance(node.value, (int, float))


def _name(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


class _Finder(ast.NodeVisitor):
    """One file's guards, collected in `found`."""

    def __init__(self, file: str, source: bytes, helpers: Helpers) -> None:
        self.found: list[Guard] = []
        self._file = file
        self._source = source
        self._helpers = helpers
        self._starts = [0]
        for line in source.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))
        self._place: list[str] = []
        self._judges: list[bool] = []
        self._statement: ast.stmt | None = None

    # --- where we are ---------------------------------------------------------------------------

    def visit(self, node: ast.AST) -> None:
        """Remember the statement around an expression."""
        outer = self._statement
        if isinstance(node, ast.stmt):
            self._statement = node
        super().visit(node)
        self._statement = outer

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._place.append(node.name)
        self.generic_visit(node)
        self._place.pop()

    def visit_FunctionDef(self, node: _Function) -> None:
        self._place.append(node.name)
        self._judges.append(isinstance(node.returns, ast.Name) and node.returns.id == "bool")
        for statement in node.body:
            self.visit(statement)
        self._judges.pop()
        self._place.pop()

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.visit_FunctionDef(node)

    # --- guards ---------------------------------------------------------------------------------

    def visit_If(self, node: ast.If) -> None:
        last = node.body[-1]
        if isinstance(last, ast.Raise):
            self._weaken(node.test, to=False)
            for statement in node.body[:-1]:
                self.visit(statement)
        else:
            if isinstance(last, ast.Return) and _is_nothing(last.value):
                self._weaken(node.test, to=False)
            for statement in node.body:
                self.visit(statement)
        self.visit(node.test)
        for statement in node.orelse:
            self.visit(statement)

    def visit_Raise(self, node: ast.Raise) -> None:
        self._add(node, b"pass")

    def visit_Expr(self, node: ast.Expr) -> None:
        if isinstance(node.value, ast.Call):
            name = _name(node.value)
            if name in (self._helpers.raising | EFFECTS) - WORK:
                self._add(node, b"pass")
        self.generic_visit(node)

    def visit_Return(self, node: ast.Return) -> None:
        if node.value is not None and self._judges and self._judges[-1]:
            match node.value:
                case ast.Constant(value=bool(answer)):
                    self._add(node.value, str(not answer).encode())
                case ast.BoolOp(op=op):
                    self._weaken(node.value, to=isinstance(op, ast.And))
                case _:
                    self._add(node.value, b"True", " -> True")
                    self._add(node.value, b"False", " -> False")
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        position = self._helpers.returning.get(_name(node))
        in_statement = isinstance(self._statement, ast.Expr) and self._statement.value is node
        if position is not None and position < len(node.args) and not in_statement:
            self._add(node, self._text(node.args[position]))
        for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
            self._limits(argument)
        self.generic_visit(node)

    def visit_keyword(self, node: ast.keyword) -> None:
        if node.arg in KEYWORDS and isinstance(node.value, ast.Constant):
            self._add(node, f"{node.arg}={not node.value.value}".encode())
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        for condition in node.ifs:
            self._weaken(condition, to=True)
        self.generic_visit(node)

    def visit_match_case(self, node: ast.match_case) -> None:
        if node.guard is not None:
            self._weaken(node.guard, to=True)
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        if (
            isinstance(node.op, ast.Sub)
            and isinstance(node.right, ast.Attribute)
            and node.right.attr in DENIED
        ):
            self._add(node, self._text(node.left))
        for side in (node.left, node.right):
            if isinstance(side, ast.Attribute) and side.attr in FLAGS:
                self._add(side, b"0")
        self.generic_visit(node)

    def _limits(self, argument: ast.expr) -> None:
        """Named numbers in an argument, alone or in arithmetic."""
        match argument:
            case ast.Name(id=name) | ast.Attribute(attr=name) if name in self._helpers.numbers:
                self._add(argument, b"(" + self._text(argument) + b" * 1000)")
            case ast.BinOp(left=left, right=right):
                self._limits(left)
                self._limits(right)

    def _weaken(self, node: ast.expr, *, to: bool) -> None:
        """Each part of a condition, replaced so that the condition is more often `to`."""
        match node:
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                self._weaken(operand, to=not to)
            case ast.BoolOp(op=op, values=values) if isinstance(op, ast.And) == to:
                for value in values:
                    self._weaken(value, to=to)
            case ast.Compare(left=left, comparators=[middle, last]) if to:
                self._replace(left, middle, self._text(middle), node)
                self._replace(middle, last, self._text(middle), node)
            case _:
                self._add(node, str(to).encode())

    def _replace(self, first: ast.expr, last: ast.expr, instead: bytes, shown_as: ast.expr) -> None:
        """Shorten a chain of comparisons by one end."""
        start, end = self._offset(first), self._end(last)
        text = f"{shown(self._text(shown_as).decode())} without {shown(self._source[start:end].decode())}"
        self._note(text, start, end, instead)

    def _add(self, node: ast.expr | ast.stmt | ast.keyword, instead: bytes, suffix: str = "") -> None:
        self._note(shown(self._text(node).decode()) + suffix, self._offset(node), self._end(node), instead)

    def _note(self, text: str, start: int, end: int, instead: bytes) -> None:
        around = self._statement
        if around is None or not self._place:
            return
        lines = range(around.lineno, (around.end_lineno or around.lineno) + 1)
        place = ".".join(self._place)
        self.found.append(Guard(self._file, place, text, start, end, instead, lines))

    # --- text -----------------------------------------------------------------------------------

    def _text(self, node: ast.expr | ast.stmt | ast.keyword) -> bytes:
        return self._source[self._offset(node) : self._end(node)]

    def _offset(self, node: ast.expr | ast.stmt | ast.keyword) -> int:
        return self._starts[node.lineno - 1] + node.col_offset

    def _end(self, node: ast.expr | ast.stmt | ast.keyword) -> int:
        return self._starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)


def _is_nothing(value: ast.expr | None) -> bool:
    """`return`, `return None`, `False`, `[]`, or a text without a letter."""
    match value:
        case None | ast.Constant(value=None | False | "") | ast.List(elts=[]):
            return True
        case _:
            return False
