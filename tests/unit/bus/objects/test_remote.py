# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""objects/remote.py: what a remote's settings are on the bus, and that the XML says what each of them is."""

import pytest

from appctld.bus.objects.remote import RemoteObject
from appctld.bus.wire.schema import KEY
from support.buses.bus_service import INTERFACES, SimulatedRemote, SimulatedRemotes


def shown_as(facts: SimulatedRemote) -> RemoteObject:
    return RemoteObject(facts, SimulatedRemotes())


@pytest.mark.parametrize("kind", ["oci", "layout", "ostree"])
def test_every_setting_that_is_shown_is_described(kind: str) -> None:
    described = (INTERFACES / "org.appctl.Installer1.Remote.xml").read_text("utf-8")
    shown = shown_as(SimulatedRemote("acme", kind=kind)).settings
    assert [key for key in shown if f'"{KEY}{key}"' not in described] == []


def test_where_its_catalogue_is_and_which_image_that_was_is_shown() -> None:
    shown = shown_as(SimulatedRemote("acme", catalog="apps:1"))
    assert shown.app_stream_path == "/var/lib/appctl/catalogs/acme/current/catalog.xml"
    assert shown.settings["catalog"] == "apps:1"
    assert "catalog" not in shown_as(SimulatedRemote("acme", kind="ostree")).settings


def test_through_what_it_is_asked_is_shown_and_every_key_of_it_described() -> None:
    shown = shown_as(SimulatedRemote("acme")).proxy
    assert shown == {"address": "http://proxy.acme:3128", "from": "environment", "direct": [".corp"]}
    described = (INTERFACES / "org.appctl.Installer1.Remote.xml").read_text("utf-8")
    assert [key for key in shown if f'"{KEY}{key}"' not in described] == []


@pytest.mark.parametrize("asked", ["no", "gpg"])
def test_whether_a_commit_in_an_image_must_be_signed_is_shown_of_a_registry(asked: str) -> None:
    assert shown_as(SimulatedRemote("acme", verify_commit=asked)).settings["verify-commit"] == asked
    assert "verify-commit" not in shown_as(SimulatedRemote("acme", kind="ostree")).settings


def test_of_a_directory_the_name_of_its_images_is_shown_and_nothing_about_a_network() -> None:
    shown = shown_as(SimulatedRemote("acme", kind="layout")).settings
    assert (shown["kind"], shown["prefix"], shown["verify-commit"]) == ("layout", "quay.io/acme", "no")
    assert shown.keys().isdisjoint({"lookaside", "auth-realm", "insecure", "collection", "ed25519-keys"})
    assert "prefix" not in shown_as(SimulatedRemote("acme")).settings


@pytest.mark.parametrize("keeps", [True, False])
def test_whether_blobs_are_kept_is_told_of_what_has_any(*, keeps: bool) -> None:
    assert shown_as(SimulatedRemote("acme", keep_blobs=keeps)).settings["keep-blobs"] is keeps
    assert "keep-blobs" not in shown_as(SimulatedRemote("acme", kind="ostree")).settings
