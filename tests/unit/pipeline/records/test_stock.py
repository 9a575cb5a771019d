# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""stock.py: the documents that are here, in the order in which a registry gives them; no network."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from appctld.config.network import Network
from appctld.errors import DigestMismatch, Offline
from appctld.model.digest import Digest
from appctld.pipeline.records.stock import Stock, check_pulling
from appctld.state.provenance import read_provenance
from support.worlds.world import BASE, World


def stock_of(tmp_path: Path, *, index: bool) -> tuple[Stock, World]:
    world = World(tmp_path)
    world.registry.push("1", [BASE])
    if index:
        world.registry.push_index("1")
    deployed = world.install("acme.example/x/hello:1")
    return Stock(read_provenance(deployed.path.parent), b"config"), world


@pytest.mark.parametrize("index", [True, False])
def test_the_documents_are_those_that_came(tmp_path: Path, *, index: bool) -> None:
    stock, world = stock_of(tmp_path, index=index)
    served = [world.registry.indexes["1"]] if index else []
    assert [raw for _, raw in stock.documents()] == [*served, world.registry.tags["1"]]


def test_what_speaks_for_one_digest_speaks_for_no_other(tmp_path: Path) -> None:
    stock, world = stock_of(tmp_path, index=False)
    digest = Digest.of(world.registry.tags["1"])
    assert stock.evidence(digest).digest == digest
    other = stock.evidence(Digest("0" * 64))
    assert (other.digest, other.openpgp, other.attachments) == (Digest("0" * 64), (), ())


def test_a_config_that_is_here_is_not_looked_for_elsewhere(tmp_path: Path) -> None:
    """Not even the certificates of its registry are read, which could be wrong."""
    stock, world = stock_of(tmp_path, index=False)
    config = world.plan("acme.example/x/hello:1").config_bytes
    (tmp_path / "acme.example").write_text("no directory")
    world.tools = replace(world.tools, stock=replace(stock, config=config), network=Network(tmp_path))
    assert world.plan("acme.example/x/hello:1").config_bytes == config


def test_a_config_that_is_here_and_another_is_nobody_elses_fault(tmp_path: Path) -> None:
    stock, world = stock_of(tmp_path, index=False)
    world.tools = replace(world.tools, stock=stock)
    with pytest.raises(DigestMismatch, match=r"^what is kept here has other bytes than the image config"):
        world.plan("acme.example/x/hello:1")


def test_nothing_is_fetched_and_what_was_to_be_handed_over_is_closed(tmp_path: Path) -> None:
    stock, _ = stock_of(tmp_path, index=False)
    reading, writing = os.pipe()
    check_pulling(None, {"out": writing})
    os.write(writing, b"x")
    with pytest.raises(Offline):
        check_pulling(stock, {"out": writing})
    assert os.read(reading, 2) == b"x"
    assert os.read(reading, 1) == b"", "nobody has the other end any more"
    os.close(reading)
