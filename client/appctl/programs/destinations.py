# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What people type for a place that an image goes to, made into what a program is asked with.

`oci:DIRECTORY`, `oci-archive:FILE`, `docker://HOST/REPOSITORY[:TAG]` (or `oci+https://…`; `oci+http://…` for
a registry on this machine). Guarantees: the caller's login goes to that one registry, in the request alone;
no tag means `latest`. Leaves to others: whether host, repository and tag are ones.
"""

import os
from argparse import Namespace
from pathlib import Path

from appctl.context import Context
from appctl.failure import Failure, usage
from appctl.logins.credentials import login_for
from appctl.programs.proxies import proxies
from appctl.talk.wire import Json, underscored

CA_BYTES = 1 << 20  # as much as the daemon takes
_REGISTRIES = {"docker": "https", "oci+https": "https", "oci+http": "http"}
_FORMS = "oci:DIRECTORY, oci-archive:FILE or docker://HOST/REPOSITORY:TAG"


def destination(context: Context, text: str, sources: list[str] | None = None) -> Json:
    """Read a destination. `sources` are references whose blobs the registry may have. Raises Failure."""
    kind, _, rest = text.partition(":")
    if kind == "oci" and rest and not rest.startswith("//"):
        return {"kind": "directory", "path": os.path.abspath(rest)}  # noqa: PTH100 - `a/../b` as the shell has it
    if kind == "oci-archive" and rest:
        return {"kind": "archive", "path": os.path.abspath(rest)}  # noqa: PTH100 - as above
    if kind in _REGISTRIES and rest.startswith("//"):
        return _registry(context, _REGISTRIES[kind], rest[2:], sources or [])
    raise usage(f"{text} is no place for an image", f"write {_FORMS}")


def named(to: Json) -> str:
    """Return the name that an image has at a registry: HOST/REPOSITORY:TAG; empty for what is none."""
    if to["kind"] != "registry":
        return ""
    return f"{str(to['registry']).partition('://')[2]}/{to['repository']}:{to['tag']}"


def _registry(context: Context, scheme: str, name: str, sources: list[str]) -> Json:
    host, slash, path = name.partition("/")
    repository, _, tag = path.partition(":")
    if not slash or not repository or "@" in name:
        raise usage(f"{name} is no place for an image", f"write {_FORMS}")
    prefix = f"{host}/"
    there = {_repository(source.removeprefix(prefix)) for source in sources if source.startswith(prefix)}
    return {
        "kind": "registry",
        "registry": f"{scheme}://{host}",
        "repository": repository,
        "tag": tag or "latest",
        "sources": [*sorted(there)],
        "uploads": str(context.places.own_state / "uploads"),
        "credential": underscored(login_for(context.places, f"{host}/{repository}")),
        **_trust(context.options),
    }


def _repository(path: str) -> str:
    return path.partition("@")[0].partition(":")[0]


def _trust(options: Namespace) -> Json:
    """Whom the registry may be, and who gives tokens for it, beside what everybody believes."""
    return {
        "auth_realm": getattr(options, "auth_realm", None),
        "ca": certificates(getattr(options, "ca_file", None)),
        "proxy": proxies(),
    }


def certificates(file: str | None) -> str | None:
    """Read the caller's certificates in PEM, if a file of them is named. Raises Failure."""
    if file is None:
        return None
    try:
        with Path(file).open("rb") as opened:
            data = opened.read(CA_BYTES + 1)
        if len(data) > CA_BYTES:
            raise usage(f"{file} is larger than {CA_BYTES} bytes")
        return data.decode("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise Failure("Usage", f"{file} cannot be read as certificates in PEM") from error
