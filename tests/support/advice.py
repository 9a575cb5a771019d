# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What sources say as hints, read from their syntax trees, and what none of them may offer.

A hint is what stands where one is given: an argument, a variable or a key of that name, what a function of
that name returns, or the place for it in the calls of `_PLACES`; with the constants and functions of the same
file that it is made of. What comes from elsewhere (a job, a worker) was written down in one of these files.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

NEVER_ADVISED = (
    "trust this key",
    "--verify",
    "verify=",
    "verify none",
    "allow-downgrade",
    "insecure",
    "gpg-import",
    "cosign-key",
    "ed25519-key",
    "keyring-update",
    # An authority is no publisher's key. But whoever answers in a server's place would be glad to have theirs
    # believed, and without keys (--verify digest, none) nobody else is asked: a topic says when it is right.
    "ca-file",
    "certs.d",
)
_PLACES = {"Failure": 2, "usage": 1, "Unanswered": 1, "problem": 2, "warning": 2, "failed": 1}
_NAMES = ("hint", "advice", "remedy")


def advised(source: str) -> dict[str, int]:
    """Every text that is part of a hint there, and its line; what is filled in is `{}`."""
    tree = ast.parse(source)
    assigned, returned = _made(tree)
    waiting = [*_given(tree), *_named(assigned), *_named(returned)]
    said: dict[str, int] = {}
    seen: set[ast.expr] = set()
    while waiting:
        expression = waiting.pop()
        if expression in seen:
            continue
        seen.add(expression)
        for node in ast.walk(expression):
            if isinstance(node, ast.JoinedStr):
                said.setdefault("".join(map(_part, node.values)), node.lineno)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                said.setdefault(node.value, node.lineno)
            elif isinstance(node, ast.Name):
                waiting += [*assigned[node.id], *returned[node.id]]
    return said


def forbidden(path: Path) -> Iterator[str]:
    """Where a file advises what nobody may; one in which none of the words stands is not read further."""
    source = path.read_text()
    said = advised(source) if _is_said(source) else {}
    yield from (f"{path}:{line}: {text}" for text, line in said.items() if _is_said(text))


def _is_said(text: str) -> bool:
    return any(never in text.casefold() for never in NEVER_ADVISED)


def _made(tree: ast.Module) -> tuple[dict[str, list[ast.expr]], dict[str, list[ast.expr]]]:
    """What each name is assigned, and what each function returns."""
    assigned: dict[str, list[ast.expr]] = defaultdict(list)
    returned: dict[str, list[ast.expr]] = defaultdict(list)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in (name for one in targets for name in ast.walk(one) if isinstance(name, ast.Name)):
                assigned[target.id].append(node.value)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            ends = (one.value for one in ast.walk(node) if isinstance(one, ast.Return))
            returned[node.name] += filter(None, ends)
    return assigned, returned


def _named(made: dict[str, list[ast.expr]]) -> Iterator[ast.expr]:
    for name, values in made.items():
        if any(word in name.casefold() for word in _NAMES):
            yield from values


def _given(tree: ast.Module) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and "hint" in (node.arg or ""):
            yield node.value
        elif isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            yield from (
                value for key, value in pairs if isinstance(key, ast.Constant) and key.value == "hint"
            )
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _PLACES:
            yield from node.args[_PLACES[node.func.id] :][:1]


def _part(value: ast.expr) -> str:
    return str(value.value) if isinstance(value, ast.Constant) else "{}"
