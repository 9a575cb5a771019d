# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The table of a benchmark, its ratios and goals, for people (Markdown) and for programs (JSON).

A goal is a ratio of medians of wall time within one run; the ratio of the CPU times stands beside it, which
a busy machine hardly changes.
"""

import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from measure.turns import Row


@dataclass(frozen=True)
class Goal:
    """`subject` may take at most `limit` times as long as `yardstick`; a floor has no limit."""

    subject: str
    yardstick: str
    limit: float | None = None


@dataclass(frozen=True)
class Ratio:
    """How a goal came out."""

    goal: Goal
    wall: float
    cpu: float

    @property
    def missed(self) -> bool:
        """Whether there is a limit, and it is exceeded."""
        return self.goal.limit is not None and self.wall > self.goal.limit

    def __str__(self) -> str:
        """One line of the list below a table."""
        limit = self.goal.limit
        verdict = "" if limit is None else f" (goal {limit:g}: {'missed' if self.missed else 'met'})"
        return f"{self.goal.subject} / {self.goal.yardstick}: {self.wall:.2f}{verdict}; CPU {self.cpu:.2f}"


@dataclass(frozen=True)
class Bound:
    """A goal that is a number: `value` of `unit` may be at most `limit`."""

    what: str
    value: float
    unit: str
    limit: float | None = None

    @property
    def missed(self) -> bool:
        """Whether there is a limit, and it is exceeded."""
        return self.limit is not None and self.value > self.limit

    def __str__(self) -> str:
        """One line of the list below a table."""
        limit = "" if self.limit is None else f" (goal {self.limit:g}: {'missed' if self.missed else 'met'})"
        return f"{self.what}: {self.value:g} {self.unit}{limit}"


@dataclass
class Report:
    """Everything that one program found out; `print` says it, `exit_code` judges."""

    program: str
    facts: Mapping[str, object]
    sections: list[dict[str, Any]] = field(default_factory=list)
    missed: bool = False

    def add(
        self, title: str, rows: Mapping[str, Row], goals: Sequence[Goal] = (), bounds: Sequence[Bound] = ()
    ) -> None:
        """One table, and what is asked of it. Goals about what did not run are left out."""
        ratios = [_ratio(rows, goal) for goal in goals if {goal.subject, goal.yardstick} <= rows.keys()]
        judged: list[Ratio | Bound] = [*ratios, *bounds]
        self.missed |= any(one.missed for one in judged)
        self.sections.append({"title": title, "rows": list(rows.values()), "judged": judged})

    def print(self, *, as_json: bool) -> None:
        """Write it to standard output."""
        print(json.dumps(self._json(), indent=1) if as_json else self._markdown())

    def exit_code(self, *, lenient: bool) -> int:
        """1 if a goal was missed and that is not to be looked over."""
        return int(self.missed and not lenient)

    def _markdown(self) -> str:
        facts = ", ".join(f"{name} {value}" for name, value in self.facts.items())
        return "\n\n".join([f"## bench/{self.program}: {facts}", *map(_section, self.sections)])

    def _json(self) -> dict[str, Any]:
        sections = [
            {
                "title": section["title"],
                "rows": [asdict(row) for row in section["rows"]],
                "judged": [{**asdict(one), "missed": one.missed} for one in section["judged"]],
            }
            for section in self.sections
        ]
        return {
            "program": self.program,
            "machine": machine(),
            "facts": dict(self.facts),
            "sections": sections,
        }


def machine() -> dict[str, object]:
    """What the numbers depend on and nobody chose."""
    names = {"cores": os.cpu_count(), "machine": platform.machine(), "kernel": platform.release()}
    return {**names, "python": platform.python_version(), "load": round(os.getloadavg()[0], 1)}


def say(text: str) -> None:
    """Progress for whoever waits, beside the results."""
    print(text, file=sys.stderr, flush=True)


def _ratio(rows: Mapping[str, Row], goal: Goal) -> Ratio:
    ours, theirs = rows[goal.subject], rows[goal.yardstick]
    cpu = theirs.middle("cpu")
    return Ratio(goal, ours.middle() / theirs.middle(), ours.middle("cpu") / cpu if cpu else float("inf"))


def _section(section: Mapping[str, Any]) -> str:
    head = "| seconds | wall, min | median | CPU, min | median |\n|---|---|---|---|---|"
    lines = list(map(_line, section["rows"]))
    table = [head, *lines] if lines else []
    judged = [f"- {one}" for one in section["judged"]]
    return "\n".join([f"### {section['title']}", "", *table, *([""] if table and judged else []), *judged])


def _line(row: Row) -> str:
    numbers = (row.least(), row.middle(), row.least("cpu"), row.middle("cpu"))
    return f"| {row.name} | " + " | ".join(f"{number:.3f}" for number in numbers) + " |"
