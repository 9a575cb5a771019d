# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A runtime's metadata: the keyfile with [Runtime] where an app's has [Application] (flatpak-metadata(5)).

Pure. A runtime stands on no other: one that names another is refused, so that there are no chains and no
cycles; but for an SDK, which names the platform that it was built beside, and an extension, which names what
it extends: both are only words there. What a runtime asks for in [Context] and the bus policies
gives an app nothing, as in flatpak: it gets what it asks for itself. That a runtime asked is named.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from appctld.errors import BadManifest
from appctld.model.context import environment_of
from appctld.model.flatpak.extensions import ExtensionPoint, extension_points
from appctld.model.flatpak.ref import FlatpakRef
from appctld.model.keyfile import KeyfileError, parse_keyfile

Groups = Mapping[str, Mapping[str, str]]
_NOT_INHERITED = ("Context", "Session Bus Policy", "System Bus Policy")


@dataclass(frozen=True, slots=True)
class RuntimeMetadata:
    """`environment` is what every app on it gets; `ignored` says for people what none gets from it."""

    environment: tuple[tuple[str, str], ...]
    points: tuple[ExtensionPoint, ...]
    ignored: tuple[str, ...]


def parse_runtime_metadata(text: str, ref: FlatpakRef) -> RuntimeMetadata:
    """Read the metadata of the runtime or extension `ref`. Raises BadManifest, LimitExceeded."""
    groups = groups_of(text)
    runtime = groups.get("Runtime")
    if runtime is None or "Application" in groups:
        raise BadManifest(f"the metadata of {ref.short} has no [Runtime], or is an app's")
    if runtime.get("name", "") != ref.name:
        raise BadManifest(f"the metadata of {ref.short} is that of {runtime.get('name', '')[:80]!r}")
    _check_stands_alone(runtime, ref, extension="ExtensionOf" in groups)
    return RuntimeMetadata(
        environment=environment_of(groups.get("Environment", {})),
        points=extension_points(groups, ref),
        ignored=tuple(f"[{group}] of the runtime" for group in _NOT_INHERITED if groups.get(group)),
    )


def groups_of(text: str) -> Groups:
    """The groups of a metadata keyfile. Raises BadManifest."""
    try:
        return parse_keyfile(text)
    except KeyfileError as error:
        raise BadManifest("the image's metadata is no key file") from error


def _check_stands_alone(runtime: Mapping[str, str], ref: FlatpakRef, *, extension: bool) -> None:
    below = runtime.get("runtime", "")
    is_sdk = runtime.get("sdk", "") == ref.short
    if below not in {"", ref.short} and not is_sdk and not extension:
        raise BadManifest(f"runtime {ref.short} needs runtime {below[:80]!r}: no runtime stands on another")
