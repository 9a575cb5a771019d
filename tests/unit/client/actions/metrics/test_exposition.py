# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The text format, as Prometheus' own parser reads it."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from appctl.actions.metrics.exposition import Family, exposition


def read(text: str) -> dict[str, dict[tuple[str, ...], float]]:
    return {
        family.name: {tuple(sample.labels.values()): sample.value for sample in family.samples}
        for family in text_string_to_metric_families(text)
    }


def test_what_is_put_is_what_is_read() -> None:
    bytes_ = Family("appctl_bytes", "Bytes.")
    bytes_.add(1 << 50, remote="acme")
    bytes_.add(2, remote="acme")
    bytes_.add(3, remote="other")
    last = Family("appctl_last", "When.")
    last.raise_to(7)
    last.raise_to(5)
    assert read(exposition([bytes_, last], {"scope": "user"})) == {
        "appctl_bytes": {("user", "acme"): (1 << 50) + 2, ("user", "other"): 3},
        "appctl_last": {("user",): 7},
    }


@pytest.mark.parametrize(
    "text", ['"', "\\", "\n", '\\n"} 7\nappctl_evil 1', "\u202e\u2028\r\x1b", "", "ü" * 200]
)
def test_a_label_is_one_label_whatever_a_publisher_wrote(text: str) -> None:
    family = Family("appctl_app_info", "An app.")
    family.put(1, version=text)
    assert read(exposition([family], {})) == {"appctl_app_info": {(text,): 1}}


def test_a_family_of_nothing_is_not_there() -> None:
    assert exposition([Family("appctl_apps", "Apps.")], {}) == ""


def test_the_same_samples_are_the_same_text() -> None:
    one, other = Family("appctl_x", "X."), Family("appctl_x", "X.")
    for number in range(9):
        one.put(number, remote=str(number))
        other.put(8 - number, remote=str(8 - number))
    assert exposition([one], {}) == exposition([other], {})
