# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The pipeline's types as promises, read off the syntax tree of the whole daemon.

That each stage's type is constructed in exactly one function is what makes holding its value a proof; that
work runs side by side in one way only is what makes an error one error.
"""

import ast
import dataclasses
from collections import defaultdict
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

import appctld
from appctld.pipeline import stages as of_images
from appctld.pipeline.native import stages as of_commits

SOURCES = Path(appctld.__file__).parent
STAGES = (
    "IndexDocument",
    "Resolved",
    "Verified",
    "Planned",
    "PlannedLayer",
    "Standing",
    "FetchedLayer",
    "SignedCommit",
    "ImportedLayer",
    "Imported",
    "Merged",
    "Deployed",
    "ResolvedCommit",
    "VerifiedCommit",
    "PlannedCommit",
    "PulledCommit",
    "ImportedCommit",
)
COPIES = {"replace", "copy", "deepcopy", "__replace__"}  # ways to a value that are no construction


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def name_of(node: ast.expr) -> str:
    """The last part of a dotted name."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


Places = defaultdict[str, set[str]]


@dataclasses.dataclass
class Uses:
    """What the daemon does with a name: `file:function` of every call of it, and files for the rest."""

    files: set[str] = dataclasses.field(default_factory=set)
    called: Places = dataclasses.field(default_factory=lambda: Places(set))
    mentioned: Places = dataclasses.field(default_factory=lambda: Places(set))
    keywords: Places = dataclasses.field(default_factory=lambda: Places(set))
    other_names: Places = dataclasses.field(default_factory=lambda: Places(set))

    def read(self, node: ast.AST, where: str) -> None:
        """Note one node, and all that are in it."""
        file = where.partition(":")[0]
        for inner in ast.iter_child_nodes(node):
            inside = where
            match inner:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                    inside = f"{where}.{name}" if ":" in where else f"{where}:{name}"
                case ast.Call(func=func):
                    self.called[name_of(func)].add(where)
                case ast.keyword(arg=str(name)):
                    self.keywords[name].add(file)
                case ast.Attribute(attr=name) | ast.Name(id=name):
                    self.mentioned[name].add(file)
                case ast.alias(name=name):
                    self.mentioned[name.rpartition(".")[2]].add(file)
            for name in second_names(inner):
                self.other_names[name].add(file)
            self.read(inner, inside)


def second_names(node: ast.AST) -> list[str]:
    """What gets another name here: by `as`, as a base class, by an assignment."""
    match node:
        case ast.alias(name=name, asname=str()):
            return [name]
        case ast.ClassDef(bases=bases):
            return [name_of(base) for base in bases]
        case ast.Assign(value=value) | ast.NamedExpr(value=value):
            return [name_of(value)]
        case _:
            return []


@cache
def uses() -> Uses:
    """Every file, read once for all tests, and by whoever runs one of them only; no tree is kept."""
    found = Uses()
    for path in sorted(SOURCES.rglob("*.py")):
        file = str(path.relative_to(SOURCES))
        found.files.add(file)
        found.read(tree_of(path), file)
    return found


def calls(name: str) -> set[str]:
    """`file:function` of every call of something called `name`."""
    return {*uses().called[name]}


def own(module: ModuleType) -> list[str]:
    """The dataclasses that a module defines."""
    return [
        name
        for name, value in vars(module).items()
        if dataclasses.is_dataclass(value) and getattr(value, "__module__", "") == module.__name__
    ]


def kind_of(stage: str) -> type:
    """The class of a stage."""
    found = vars(of_images).get(stage) or vars(of_commits)[stage]
    assert isinstance(found, type)
    return found


def files_that(name: str) -> set[str]:
    """The files in which `name` is used at all: called, imported, passed on."""
    return uses().mentioned[name]


def test_the_daemon_is_what_is_read() -> None:
    assert {"__main__.py", "pipeline/run.py", "workers/protocol.py"} <= uses().files


def test_the_list_of_stages_is_the_files() -> None:
    assert {*own(of_images), *own(of_commits)} == set(STAGES)


@pytest.mark.parametrize("stage", STAGES)
def test_each_stage_is_constructed_in_exactly_one_function(stage: str) -> None:
    places = calls(stage)
    assert len(places) == 1, f"{stage} is constructed in {sorted(places) or 'no function'}"
    assert places.pop().startswith("pipeline/")


def test_a_keyring_update_that_may_be_applied_is_made_in_exactly_one_function() -> None:
    """No stage, but the same promise: who holds one, holds a verdict."""
    assert calls("Rotation") == {"trust/rotation.py:_rotation"}


@pytest.mark.parametrize("stage", STAGES)
def test_each_stage_is_frozen(stage: str) -> None:
    kind = kind_of(stage)
    assert getattr(kind, "__dataclass_params__").frozen  # noqa: B009 - no type has it
    assert kind.__dict__.get("__slots__") is not None, "slots: nothing can be added either"


@pytest.mark.parametrize("stage", STAGES)
def test_no_stage_is_made_under_another_name(stage: str) -> None:
    """No `as`, no base class, no class method, no second name: the test above would not see those."""
    assert not uses().other_names[stage]
    assert not [name for name, value in vars(kind_of(stage)).items() if isinstance(value, classmethod)]


@pytest.mark.parametrize("copy", sorted(COPIES))
def test_no_stage_is_copied_with_changes(copy: str) -> None:
    """`dataclasses.replace` on a stage would be a second construction; in the pipeline nothing needs it."""
    assert not {place for place in calls(copy) if place.startswith("pipeline/") and not harmless(place, copy)}


def harmless(place: str, copy: str) -> bool:
    """Whether every such call there is `text.replace(a, b)`, or on no stage: a job's tools, a remote."""
    tree = tree_of(SOURCES / place.partition(":")[0])
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and name_of(node.func) == copy]
    return all(
        (isinstance(node.func, ast.Attribute) and len(node.args) == 2)
        or name_of(node.args[0]) in {"tools", "remote"}
        for node in found
    )


@pytest.mark.parametrize("name", ["gather", "TaskGroup"])
def test_work_runs_side_by_side_through_one_helper_only(name: str) -> None:
    assert files_that(name) <= {"pipeline/parallel.py"}


def test_the_helper_is_where_we_look() -> None:
    assert files_that("TaskGroup") == {"pipeline/parallel.py"}


@pytest.mark.parametrize("name", ["to_thread", "run_in_executor", "ThreadPoolExecutor"])
def test_nothing_is_done_in_threads_but_what_is_written_aside(name: str) -> None:
    found = {file for file in files_that(name) if not file.startswith("workers/export/")}  # no daemon's
    assert found == ({"system/aside.py"} if name == "ThreadPoolExecutor" else set())


@pytest.mark.parametrize("name", ["preexec_fn", "shell", "user", "extra_groups"])
def test_no_child_is_started_in_a_way_that_stalls_or_that_a_shell_reads(name: str) -> None:
    starters = {"system/child.py", "system/worker.py", "system/capture.py", "system/pump.py"}
    used = uses().keywords[name]
    assert not used if name in {"preexec_fn", "shell"} else not used & starters


@pytest.mark.parametrize(
    "name",
    ["create_subprocess_shell", "system", "popen", "Popen", "getoutput", "execvp", "posix_spawn"],
)
def test_no_child_is_started_by_any_other_way(name: str) -> None:
    places = calls(name)
    assert places == set()


def test_nobody_forks_but_the_store() -> None:
    """It does before it has a thread, and in its own sandbox (docs/adr/0023)."""
    assert calls("fork") == {"workers/store/ostree/contents.py:_Second._fork"}


def test_children_of_the_daemon_are_started_in_one_place() -> None:
    assert calls("create_subprocess_exec") == {"system/child.py:child"}
