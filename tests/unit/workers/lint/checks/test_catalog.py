# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What lint finds of a catalogue: what a machine would refuse it for, and what of it nobody will see."""

from collections.abc import Callable
from pathlib import Path

import pytest

from appctld.model import catalog as model
from appctld.workers.images.image import CONTENT_BYTES
from appctld.workers.lint.checks import catalog as checks
from support.images import catalogs
from support.images.catalogs import ICONS, LABELS, XML, component, document
from support.workers.specimen import ID, REFERENCE, File, Specimen, codes, examined, png

DESCRIPTION = "<description><p>A program that says hello to whoever starts it, and ends.</p></description>"
GREETER = component(ID, REFERENCE, "Greeter", DESCRIPTION)
ICON = f"{ICONS}/64x64/{ID}.png"
Spoil = Callable[[Specimen], None]


@pytest.fixture
def specimen(tmp_path: Path) -> Specimen:
    """A catalogue that is in order."""
    specimen = Specimen(tmp_path / "images")
    specimen.name = specimen.identity = "registry.example.org/apps/appctl-catalog:latest"
    specimen.labels = {**LABELS}
    tree = catalogs.tree(document(GREETER), {f"64x64/{ID}.png": png(64, 64)})
    specimen.files = {path: File(data) for path, data in tree.items() if data is not None}
    return specimen


def listing(*components: str) -> Spoil:
    """List these."""
    return lambda specimen: specimen.files.__setitem__(XML, File(document(*components)))


def test_of_a_good_catalogue_nothing_is_said_but_who_signed_it(specimen: Specimen) -> None:
    specimen.write()
    assert codes(examined(specimen)) == {"signed"}


FAULTS: list[tuple[str, str, str, Spoil]] = [
    ("catalog-refused", XML, "Conflict", listing(component(ID, "registry.example.org/x/greeter:1", "G"))),
    ("catalog-refused", XML, "BadManifest", listing(GREETER, GREETER)),
    ("catalog-refused", XML, "BadManifest", listing(GREETER.replace("appctl::reference", "x"))),
    ("catalog-refused", XML, "no label", lambda specimen: specimen.labels.update({model.LABEL: "0"})),
    ("catalog-refused", XML, "no catalogue of", lambda specimen: specimen.files.__delitem__(XML)),
    ("catalog-invalid", XML, "app-description-required", listing(component(ID, REFERENCE, "Greeter"))),
    ("icon-invalid", ICON, "", lambda specimen: specimen.files.__setitem__(ICON, File(b"GIF89a"))),
    ("icon-invalid", ICON, "", lambda specimen: specimen.files.__setitem__(ICON, File(png(32, 32)))),
    ("not-checked", XML, "nobody knows", lambda specimen: setattr(specimen, "name", "v1")),
]


@pytest.mark.parametrize(
    ("code", "subject", "said", "spoil"), FAULTS, ids=[f"{code} {said}" for code, _, said, _ in FAULTS]
)
def test_every_fault_is_found(code: str, subject: str, said: str, spoil: Spoil, specimen: Specimen) -> None:
    spoil(specimen)
    specimen.write()
    findings = [one for one in examined(specimen) if one["code"] == code]
    assert [one["subject"] for one in findings] == [subject]
    assert said in str(findings[0]["sentence"])


def test_one_that_is_too_large_is_one_that_is_refused(
    specimen: Specimen, monkeypatch: pytest.MonkeyPatch
) -> None:
    specimen.write()
    for module, name in ((model, "CATALOG_BYTES"), (checks, "XML_BYTES")):
        with monkeypatch.context() as smaller:
            smaller.setattr(module, name, 10)
            assert "catalog-refused" in codes(examined(specimen))


def test_a_list_may_be_larger_than_other_files_that_are_looked_into(specimen: Specimen) -> None:
    specimen.files[XML] = File(specimen.files[XML].data + b" " * CONTENT_BYTES)
    specimen.write()
    assert codes(examined(specimen)) == {"signed"}


def test_without_a_validator_that_is_said(specimen: Specimen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "METAINFO", ("appstreamcli-of-nobody",))
    specimen.write()
    assert codes(examined(specimen)) == {"signed", "not-checked"}
