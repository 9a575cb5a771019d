# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Prometheus' text format, version 0.0.4, as the textfile collector of node-exporter reads it. Pure.

https://prometheus.io/docs/instrumenting/exposition_formats/. Guarantees: a label's value is one value,
whatever stands in it; a family stands once, its samples in a fixed order. All families are gauges: what is
counted here may become less again.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})


@dataclass
class Family:
    """One metric: `samples` are values by labels, which are (name, value) pairs."""

    name: str
    meaning: str
    samples: dict[tuple[tuple[str, str], ...], int] = field(default_factory=dict)

    def put(self, value: int, **labels: str) -> None:
        """Set one sample."""
        self.samples[tuple(labels.items())] = value

    def add(self, value: int, **labels: str) -> None:
        """Add to one sample, 0 before."""
        self.samples[tuple(labels.items())] = self.samples.get(tuple(labels.items()), 0) + value

    def raise_to(self, value: int, **labels: str) -> None:
        """Let one sample be at least that much."""
        self.put(max(value, self.samples.get(tuple(labels.items()), 0)), **labels)


def exposition(families: Iterable[Family], common: Mapping[str, str]) -> str:
    """The text; every sample has the `common` labels first. A family without a sample is left out."""
    return "".join(f"{line}\n" for family in families if family.samples for line in _lines(family, common))


def _lines(family: Family, common: Mapping[str, str]) -> Iterator[str]:
    yield f"# HELP {family.name} {family.meaning}"
    yield f"# TYPE {family.name} gauge"
    for labels, value in sorted(family.samples.items()):
        told = ",".join(f'{name}="{text.translate(_ESCAPES)}"' for name, text in [*common.items(), *labels])
        yield f"{family.name}{{{told}}} {value}"
