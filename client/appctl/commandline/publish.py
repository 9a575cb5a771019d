# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The options of `appctl publish`, `lint` and `try`; the command line is parser.py's."""

import argparse
from collections.abc import Sequence

PUBLISH = (
    "Make an image of a directory, of a commit of an OSTree repository, or of an installed app, and bring it "
    "to a registry or a layout. The same commit gives the same image, wherever and whenever. With --catalog: "
    "make a list of images, in which people search for what there is."
)


LINT = (
    "Say what of an image will not be what its publisher means. Exit code 0: no error, 1: one or more. "
    "Nothing is installed, and no key is asked about a signature."
)


TRY = (
    "Run an image once, before it is published: in the real sandbox, unverified, with an empty HOME and what "
    "it asks for but files. Nothing of it stays. The exit code is the app's; 125 when it did not start."
)


_ALONE = ("--chunked", "--catalog")


def alone(arguments: Sequence[str]) -> list[str]:
    """Let options without `=` take nothing: argparse would give them what is to be published."""
    return [f"{argument}=" if argument in _ALONE else argument for argument in arguments]


def add_publish(publish: argparse.ArgumentParser) -> None:
    """Add them."""
    publish.add_argument(
        "source", metavar="DIR|COMMIT|APP|IMAGE", nargs="*", help="what is published; with --catalog images"
    )
    publish.add_argument(
        "--to",
        metavar="PLACE",
        required=True,
        help="oci:DIR, oci-archive:FILE or docker://HOST/REPOSITORY:TAG",
    )
    publish.add_argument(
        "--repo", metavar="DIR", help="the repository in which COMMIT is a checksum or a ref"
    )
    publish.add_argument(
        "--as", dest="named", metavar="HOST/REPOSITORY:TAG", default="",
        help="what the image is called in a layout, and signed as",
    )  # fmt: skip
    publish.add_argument(
        "--catalog", metavar="[=FILE]",
        help="list the IMAGEs: oci:DIR, oci-archive:FILE or HOST/REPOSITORY:TAG; --catalog=FILE: and those "
        "of a file, one a line",
    )  # fmt: skip
    _form(publish)
    _said(publish)
    _signing(publish)
    publish.add_argument("--auth-realm", metavar="URL", help="a token server on another host")
    publish.add_argument("--ca-file", metavar="FILE", help="certificates that the registry's may come from")


def _form(publish: argparse.ArgumentParser) -> None:
    form = publish.add_mutually_exclusive_group()
    form.add_argument(
        "--plain", dest="form", action="store_const", const="plain", default="ostree",
        help="an ordinary image, without a commit in it",
    )  # fmt: skip
    form.add_argument(
        "--flatpak", dest="form", action="store_const", const="flatpak",
        help="as flatpak writes images; of a commit that flatpak made",
    )  # fmt: skip
    publish.add_argument(
        "--chunked", metavar="[=MAP]",
        help="many layers: by size; --chunked=MAP: by a file with lines of GLOB COMPONENT",
    )  # fmt: skip


def _said(publish: argparse.ArgumentParser) -> None:
    publish.add_argument("--release", metavar="VERSION", default="", help="the version that a DIR is")
    publish.add_argument(
        "--owner", metavar="UID:GID", default="0:0", help="who owns the files of a DIR; root"
    )
    publish.add_argument("--arch", metavar="ARCH", default="", help="amd64, arm64, …, if not this machine's")
    publish.add_argument("--label", metavar="K=V", action="append", default=[], help="a label of the image")
    publish.add_argument("--entrypoint", metavar="PROGRAM", help="what an ordinary image starts")


def _signing(publish: argparse.ArgumentParser) -> None:
    publish.add_argument("--sign-gpg", metavar="KEY", default="", help="sign with this key of your GnuPG")
    publish.add_argument(
        "--sign-cosign", metavar="FILE", default="", help="sign as cosign does, with this private key in PEM"
    )
    publish.add_argument(
        "--lookaside", metavar="DIR", default="", help="where a signature by GnuPG goes, for a web server"
    )


def add_lint(lint: argparse.ArgumentParser) -> None:
    """Add them."""
    lint.add_argument("image", metavar="IMAGE", help="oci:DIR, oci-archive:FILE or HOST/REPOSITORY:TAG")
    lint.add_argument(
        "--as", dest="named", metavar="HOST/REPOSITORY:TAG", default="",
        help="what an image of a layout is called that has no whole name there",
    )  # fmt: skip
    lint.add_argument(
        "--lookaside", metavar="URL", help="where the OpenPGP signatures of a registry's image are"
    )
    lint.add_argument("--auth-realm", metavar="URL", help="a token server on another host")
    lint.add_argument("--ca-file", metavar="FILE", help="certificates that the registry's may come from")


def add_try(tried: argparse.ArgumentParser) -> None:
    """Add them."""
    tried.add_argument("image", metavar="IMAGE", help="oci:DIR or oci-archive:FILE")
    tried.add_argument("--as", dest="named", metavar="NAME", default="", help="which image, of several")
    tried.epilog = "What stands behind -- is the app's."
