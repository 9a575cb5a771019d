# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What the app is called, and what it asks for: the labels, and the metadata file that must equal them."""

from appctld.errors import AppctlError
from appctld.model.appid import id_of_reference, is_app_id
from appctld.model.flatpak.labels import describe
from appctld.model.image import APP_ID
from appctld.model.permissions import parse_metadata
from appctld.workers.images.image import Image
from appctld.workers.lint.findings import Findings


def check_identity(image: Image, found: Findings) -> None:
    """Look at ID and metadata."""
    _id(image, found)
    _metadata(image, found)
    _same(image, found)


def _id(image: Image, found: Findings) -> None:
    named = image.config.label(APP_ID)
    inside = image.metadata.name if image.metadata else ""
    if named is not None and not is_app_id(named):
        found.add("bad-id", APP_ID, f"{named[:80]!r} is no application ID (org.example.App)")
    elif named and inside and named != inside:
        found.add("id-differs", APP_ID, f"the label says {named}, name= in the metadata {inside[:80]}")
    elif not image.id:
        called = id_of_reference(image.reference) if image.reference else "after where it is published"
        found.add("no-id", APP_ID, f"no label names the app, which will be called {called}")


def _metadata(image: Image, found: Findings) -> None:
    """What an installation reads: the labels, and the file where no label says the same."""
    what = "label"
    try:
        describe(image.config)
        if image.label is None and image.metadata_file is not None:
            what = "metadata file"
            parse_metadata(image.metadata_file)
    except AppctlError as error:
        found.add("bad-metadata", what, str(error))


def _same(image: Image, found: Findings) -> None:
    if image.metadata_file is None:
        if image.label is not None:
            found.add("label-differs", "app/metadata", "a label has metadata, and no file in the image")
        return
    if image.label is None:
        found.add(
            "no-label",
            "app/metadata",
            "no label says what this file asks for: nobody sees it beforehand, and it may ask for nothing",
        )
    elif image.label.rstrip("\n") != image.metadata_file.rstrip("\n"):  # as an installation compares them
        found.add("label-differs", "app/metadata", "the file is not what the label says")
