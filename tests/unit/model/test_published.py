# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""published.py: which layers hold a publisher's commit, as labels say."""

import json

import pytest

from appctld.errors import BadManifest
from appctld.model.digest import Digest
from appctld.model.image import parse_config
from appctld.model.published import PublishedCommit, Reading, published_commit, readings, uses

ONE, TWO, THREE = (f"sha256:{digit * 64}" for digit in "123")
COMMIT = "c" * 64


def said(diff_ids: list[str], **labels: str) -> PublishedCommit | None:
    names = {"final": "ostree.final-diffid", "commit": "ostree.commit"}
    config = {
        "os": "linux",
        "architecture": "amd64",
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "config": {"Labels": {names[name]: text for name, text in labels.items()}},
    }
    return published_commit(parse_config(json.dumps(config).encode()))


def test_an_image_without_the_label_is_a_plain_one() -> None:
    assert said([ONE]) is None
    assert said([ONE], commit=COMMIT) is None


@pytest.mark.parametrize(("final", "layers"), [(ONE, 1), (TWO, 2), (THREE, 3)])
def test_what_lies_above_the_last_layer_is_derived(final: str, layers: int) -> None:
    assert said([ONE, TWO, THREE], final=final, commit=COMMIT) == PublishedCommit(COMMIT, layers)


def test_other_layers_may_come_twice() -> None:
    assert said([ONE, TWO, TWO, THREE], final=THREE, commit=COMMIT) == PublishedCommit(COMMIT, 4)
    assert said([ONE, TWO, ONE], final=TWO, commit=COMMIT) == PublishedCommit(COMMIT, 2)


@pytest.mark.parametrize(
    ("diff_ids", "labels"),
    [
        ([ONE, TWO], {"final": THREE, "commit": COMMIT}),
        ([ONE, TWO, TWO], {"final": TWO, "commit": COMMIT}),
        ([], {"final": ONE, "commit": COMMIT}),
        ([ONE, ONE, TWO], {"final": TWO, "commit": COMMIT}),
        ([ONE], {"final": ONE}),
        ([ONE], {"final": ONE, "commit": ""}),
        ([ONE], {"final": ONE, "commit": "C" * 64}),
        ([ONE], {"final": ONE, "commit": f"sha256:{COMMIT}"}),
        ([ONE], {"final": "1" * 64, "commit": COMMIT}),
        ([ONE], {"final": "", "commit": COMMIT}),
    ],
)
def test_labels_that_do_not_fit_are_refused(diff_ids: list[str], labels: dict[str, str]) -> None:
    with pytest.raises(BadManifest):
        said(diff_ids, **labels)


@pytest.mark.parametrize("ostree", [-1, 0, 1, 2, 3, 1 << 60])
def test_each_layer_has_a_reading_whatever_a_record_says(ostree: int) -> None:
    """A record is a file, and may have been edited."""
    found = readings(2, ostree)
    assert len(found) == 2
    assert found.count(Reading.OSTREE) == min(max(ostree, 0), 2)
    assert found == tuple(sorted(found, key=[Reading.OSTREE, Reading.PLAIN].index))
    used = uses([Digest.parse(ONE), Digest.parse(TWO)], ostree)
    assert [use.reading for use in used] == [*found]
    assert [use.holds_commit for use in used] == [ostree > 0, False]
