# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a benchmark found out: costs, tables and plots, and whether its goals are met; as values and as JSON.

A goal is a ratio of medians of wall time within one run; the ratio of the CPU times stands beside it, which
a busy machine hardly changes. Leaves to others: how it looks (shown/).
"""

import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from measure.turns import Row
from shown.markdown import document


@dataclass(frozen=True)
class Goal:
    """`subject` may take at most `limit` times as long as `yardstick`; a floor has no limit."""

    subject: str
    yardstick: str
    limit: float | None = None


@dataclass(frozen=True)
class Bound:
    """A goal that is a number: `value` of `unit` may be at most `limit`."""

    what: str
    value: float
    unit: str
    limit: float | None = None


@dataclass
class Report:
    """Everything that one program found out; `print` says it, `exit_code` judges."""

    program: str
    facts: Mapping[str, object]
    sections: list[dict[str, Any]] = field(default_factory=list)

    def add(
        self, title: str, rows: Mapping[str, Row], goals: Sequence[Goal] = (), bounds: Sequence[Bound] = ()
    ) -> None:
        """Costs, and what is asked of them. Goals about what did not run are left out."""
        ratios = [_ratio(rows, goal) for goal in goals if {goal.subject, goal.yardstick} <= rows.keys()]
        judged = ratios + [_judged(asdict(bound), bound.value, bound.limit) for bound in bounds]
        costs = [asdict(row) for row in rows.values()]
        self.sections.append({"kind": "costs", "title": title, "rows": costs, "judged": judged})

    def add_table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """A table of anything; the first column names the rows."""
        table = {"kind": "table", "title": title, "columns": [*columns], "rows": [[*row] for row in rows]}
        self.sections.append(table)

    def add_plot(self, plot: Mapping[str, Any]) -> None:
        """A plot of shown/plots.py."""
        self.sections.append({"kind": "plot", **plot})

    @property
    def missed(self) -> bool:
        """Whether any goal was."""
        return any(one["missed"] for section in self.sections for one in section.get("judged", ()))

    def to_json(self) -> dict[str, Any]:
        """All of it, every run."""
        facts = {name: str(value) for name, value in self.facts.items()}
        return {"program": self.program, "machine": machine(), "facts": facts, "sections": self.sections}

    def print(self, *, as_json: bool) -> None:
        """Write it to standard output."""
        print(json.dumps(self.to_json(), indent=1) if as_json else document(self.to_json()))

    def exit_code(self, *, lenient: bool) -> int:
        """1 if a goal was missed and that is not to be looked over."""
        return int(self.missed and not lenient)


def machine() -> dict[str, object]:
    """What the numbers depend on and nobody chose."""
    names = {"cores": os.cpu_count(), "machine": platform.machine(), "kernel": platform.release()}
    return {**names, "python": platform.python_version(), "load": round(os.getloadavg()[0], 1)}


def say(text: str) -> None:
    """Progress for whoever waits, beside the results."""
    print(text, file=sys.stderr, flush=True)


def _ratio(rows: Mapping[str, Row], goal: Goal) -> dict[str, Any]:
    ours, theirs = rows[goal.subject], rows[goal.yardstick]
    wall = ours.middle() / theirs.middle()
    cpu = ours.middle("cpu") / theirs.middle("cpu") if theirs.middle("cpu") else None
    return _judged({**asdict(goal), "wall": wall, "cpu": cpu}, wall, goal.limit)


def _judged(what: dict[str, Any], value: float, limit: float | None) -> dict[str, Any]:
    return {**what, "missed": limit is not None and value > limit}
