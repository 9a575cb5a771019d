# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Which layers a program was asked to take: the generated ones, or --layer's."""

import argparse
from pathlib import Path

from inputs.kept import layer_set
from inputs.layer import Layer, read_layer
from inputs.layout import Layout
from measure.report import say


def given_layer(options: argparse.Namespace) -> Layer:
    """The layer of --layer, or the application's, in small with --small."""
    return read_layer(options.layer.resolve()) if options.layer else given_layers(options)[1]


def given_layers(options: argparse.Namespace) -> tuple[Layer, Layer, Layer]:
    """The generated base, application and update."""
    say("making the layers; the first time gzip takes a few minutes")
    return layer_set(small=options.small)


def given_image(options: argparse.Namespace) -> list[Layer]:
    """The layers of --image (`oci:DIR:TAG`), or base and application."""
    if not options.image:
        return list(given_layers(options)[:2])
    transport, directory, tag = options.image.split(":", 2)
    if transport != "oci":
        raise SystemExit("error: an image is given as oci:DIR:TAG")
    return Layout(Path(directory).resolve()).layers(tag)
