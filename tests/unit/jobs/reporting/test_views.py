# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""jobs/reporting/views.py: what callers are told, in the interface's keys."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from appctld.config.remote import make_remote
from appctld.jobs.reporting.views import (
    app_view,
    deployed_view,
    outcome_view,
    preview_view,
    record_view,
    tag_of,
)
from appctld.model.context import LEAVES
from appctld.model.digest import Digest
from appctld.model.flatpak.labels import Described
from appctld.model.image import ImageConfig, parse_config
from appctld.model.jsonvalue import get_objects
from appctld.model.manifest import Descriptor, Manifest
from appctld.model.order import Moment, Place, Teller
from appctld.model.permissions import Permission, permissions_hash
from appctld.model.published import Reading, Use
from appctld.model.reference import parse_reference
from appctld.pipeline.stages import (
    Deployed,
    Planned,
    PlannedLayer,
    Resolved,
    Source,
    Standing,
    Verified,
)
from appctld.state.paths import Paths
from appctld.state.provenance import Signed
from appctld.state.records import Installed, Record
from appctld.trust.evidence import Evidence
from appctld.trust.verdict import Signer, Verdict
from support.buses.records import RECORD, numbered

PATHS = Paths(Path("/state"))
PLACE = Place("quay.io/acme", "quay.io/acme/app:2", "linux/amd64", "org.example.App")
MOMENT = Moment(Digest("9" * 64), Digest("8" * 64), None, Teller.NOBODY)
NETWORK = Permission("shared", "network", LEAVES)


def config() -> ImageConfig:
    raw = {
        "os": "linux",
        "architecture": "amd64",
        "config": {"ExposedPorts": {"80/tcp": {}}},
        "rootfs": {"type": "layers", "diff_ids": []},
    }
    return parse_config(json.dumps(raw).encode())


def layer(number: int, size: int, source: Source) -> PlannedLayer:
    digest = Digest(str(number) * 64)
    return PlannedLayer(Descriptor("x", digest, size), Use(digest, Reading.PLAIN), source, "")


def planned(
    *layers: PlannedLayer,
    verdict: Verdict | None = None,
    current: Record | None = None,
    downgrade: str = "",
) -> Planned:
    reference = parse_reference("quay.io/acme/app:2")
    settings = {"url": "https://quay.io/acme"}
    remote = make_remote("acme", settings, keyring=b"x", ca=None, origin=Path("/x"), writable=True)
    resolved = Resolved(reference, remote, b"{}", "x", Digest("9" * 64), None)
    signers = (Signer("A" * 40, "Acme", 5), Signer("B" * 40, "Second", 6))
    signed = Verdict("gpg", signers, tag_bound=True, checked_at=7)
    manifest = Manifest(Descriptor("x", Digest("8" * 64), 1), ())
    return Planned(
        verified=Verified(resolved, manifest, verdict or signed, Evidence(resolved.digest)),
        config=config(),
        config_bytes=b"{}",
        id="org.example.App",
        version="2.0",
        title="Éditeur",
        described=Described(None, None, (), "", permissions=(NETWORK,)),
        current=current,
        standing=Standing(PLACE, MOMENT, downgrade),
        order=tuple(one.diff_id for one in layers),
        layers=layers,
    )


def test_a_record_is_told_whole_in_the_interfaces_keys() -> None:
    view = record_view(RECORD, PATHS)
    assert {key.replace("_", "-") for key in RECORD.to_json()} | {"tag", "kind", "permissions-hash"} == set(
        view
    )
    assert view["image-digest"] == str(RECORD.image_digest)
    assert view["permissions"] == [["shared", "network", LEAVES]]
    assert view["tag"] == "1"


def test_the_deployment_is_the_directory_with_the_files() -> None:
    view = record_view(RECORD, PATHS)
    assert view["deployment"] == "/state/apps/org.example.App/333333333333.1/files"


def test_an_app_is_its_current_record_and_the_versions_beside_it() -> None:
    view = app_view(Installed(numbered(3), (numbered(2), numbered(1))), PATHS, "user")
    assert (view["version"], view["kept"], view["scope"]) == ("3.0", ["2.0", "1.0"], "user")


def test_every_deployment_that_is_here_says_why_it_was_believed() -> None:
    kept = replace(numbered(2), verdict="another")
    view = app_view(Installed(numbered(3), (kept,)), PATHS, "user")
    here = get_objects(view, "deployments")
    assert [(item["version"], item["current"]) for item in here] == [("3.0", True), ("2.0", False)]
    assert here[1]["verdict"] == "another"
    assert here[0]["signers"] == view["signers"]
    assert view["signers"] == [
        {"fingerprint": "A" * 40, "name": "Acme <acme@example.org>", "signed-at": 1_700_000_000}
    ]
    assert "permissions" not in here[0]


@pytest.mark.parametrize("changed", [True, False])
def test_an_outcome_says_whether_something_changed_and_from_what(*, changed: bool) -> None:
    view = outcome_view(numbered(2), PATHS, changed=changed, previous=numbered(1))
    assert (view["changed"], view["previous-version"]) == (changed, "1.0")
    assert outcome_view(RECORD, PATHS, changed=changed)["previous-version"] == ""


def test_what_was_deployed_is_told_as_an_outcome() -> None:
    deployed = Deployed(numbered(2), Path("/x"), previous=numbered(1))
    other = Deployed(numbered(3), Path("/y"), previous=None)
    outcome = outcome_view(numbered(2), PATHS, changed=True, previous=numbered(1))
    assert deployed_view(deployed, [], PATHS) == {**outcome, "also": []}
    assert deployed_view(deployed, [other], PATHS)["also"] == [
        {
            "id": "org.example.App",
            "version": "3.0",
            "reference": other.record.reference,
            "image-digest": str(other.record.image_digest),
            "bytes": other.record.bytes_downloaded,
        }
    ]


def test_a_preview_says_what_will_be_downloaded_and_what_is_here() -> None:
    view = preview_view(
        planned(layer(1, 100, Source.MISSING), layer(2, 20, Source.HELD), layer(3, 3, Source.SHARED))
    )
    assert (view["download-size"], view["reuse-size"]) == (100, 23)
    assert (view["layers-total"], view["layers-to-download"]) == (3, 1)


def test_a_preview_says_who_signed_and_what_is_asked_for() -> None:
    view = preview_view(planned())
    assert (view["signer"], view["signer-name"], view["signed-at"]) == ("A" * 40, "Acme", 5)
    assert (view["verify"], view["tag-bound"]) == ("gpg", True)
    assert view["permissions"] == [["shared", "network", LEAVES]]
    assert view["permissions-hash"] == permissions_hash((NETWORK,))
    assert view["ignored"] == ["EXPOSE"]
    assert (view["reference"], view["image-digest"]) == ("quay.io/acme/app:2", f"sha256:{'9' * 64}")


def test_a_preview_of_what_nobody_signed_names_nobody() -> None:
    view = preview_view(planned(verdict=Verdict("none", (), tag_bound=False, checked_at=1)))
    assert (view["verify"], view["signer"], view["signer-name"], view["signed-at"]) == ("none", "", "", 0)
    assert view["tag-bound"] is False


@pytest.mark.parametrize(
    ("created", "signed_at", "told_by"),
    [(1_600_000_000, 5, "created"), (315_532_800, 5, "signature"), (0, 5, "signature"), (0, 0, "nobody")],
)
def test_an_app_says_who_tells_its_order(created: int, signed_at: int, told_by: str) -> None:
    signers = (Signed("A" * 40, "Acme", signed_at),)
    record = replace(RECORD, created=created, signers=signers, threshold=1)
    assert app_view(Installed(record, ()), PATHS, "user")["order-by"] == told_by


def test_a_preview_says_that_it_is_a_downgrade() -> None:
    view = preview_view(planned(current=RECORD, downgrade="it is older"))
    assert (view["change"], view["downgrade"]) == ("downgrade", "it is older")
    assert preview_view(planned(current=RECORD))["downgrade"] == ""


def test_a_preview_says_which_tag_the_app_would_leave() -> None:
    same = replace(RECORD, reference="quay.io/acme/app:2")
    assert preview_view(planned(current=RECORD))["switches-from"] == RECORD.reference != same.reference
    assert preview_view(planned(current=same))["switches-from"] == ""
    assert preview_view(planned())["switches-from"] == ""


def test_a_preview_says_what_would_change() -> None:
    same = replace(RECORD, image_digest=Digest("9" * 64))
    assert (preview_view(planned())["change"], preview_view(planned())["installed"]) == (
        "install",
        "",
    )
    assert preview_view(planned(current=RECORD))["change"] == "update"
    assert preview_view(planned(current=RECORD))["installed"] == "1.0"
    assert preview_view(planned(current=same))["change"] == "none"


@pytest.mark.parametrize(
    ("reference", "tag"),
    [
        ("quay.io/acme/app:1", "1"),
        ("localhost:5000/app:1", "1"),
        ("localhost:5000/app", ""),
        (f"quay.io/acme/app@sha256:{'a' * 64}", ""),
    ],
)
def test_the_tag_of_a_reference(reference: str, tag: str) -> None:
    assert tag_of(reference) == tag
