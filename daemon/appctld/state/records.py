# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What is installed: one record.json a deployment, and `current`, whose rename is the only commit point.

The store writes the files (docs/rules.md, R10); this module says what stands in them and reads them back. A
record that cannot be read, or that stands in another's place, hides its deployment and nothing else.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Self

from appctld.errors import AppctlError, NotInstalled, RepoCorrupt
from appctld.model.appid import is_app_id
from appctld.model.digest import Digest
from appctld.model.jsonvalue import (
    Json,
    JsonError,
    JsonObject,
    get_bool,
    get_int,
    get_list,
    get_objects,
    get_str,
    get_strings,
    parse_object,
)
from appctld.model.permissions import Permission
from appctld.state.paths import Paths, app_ref, layer_refs
from appctld.state.provenance import Signed

RECORD_BYTES = 1 << 20  # 256 layers and 100 dropped paths are some 500 KiB at most


@dataclass(frozen=True, slots=True)
class Record:
    """One deployment: times in seconds since 1970, sizes in bytes; `installed_size` is the store's.

    `signer` is the first of `signers`. `index_digest` is empty where the reference led to no index; `verdict`
    says for people why it was believed. All that spoke for it is in its provenance.
    """

    id: str
    remote: str
    reference: str
    image_digest: Digest
    index_digest: str
    config_digest: Digest
    commit: str
    layers: tuple[Digest, ...]
    verify: str
    signer: str
    signer_name: str
    signed_at: int
    signers: tuple[Signed, ...]
    threshold: int
    identity: str
    verdict: str
    checked_at: int
    tag_bound: bool
    version: str
    title: str
    arch: str
    installed_size: int
    install_time: int
    bytes_downloaded: int
    bytes_reused: int
    deployment: str
    permissions: tuple[Permission, ...]
    created: int
    ignored: tuple[str, ...]
    dropped: tuple[str, ...]
    ostree_layers: int = 0  # the first of `layers`, which hold a publisher's own commit
    flatpak_ref: str = ""  # of an image that is flatpak's
    runtime: str = ""  # the flatpak ref of what an app needs below it
    given_id: bool = False  # whoever installed it called it so, instead of what it calls itself

    def refs(self) -> set[str]:
        """The refs that this deployment needs: garbage collection roots are derived from records."""
        return {app_ref(self.remote, self.id, self.deployment), *self.layer_refs()}

    def layer_refs(self) -> tuple[str, ...]:
        """Those of its layers, lowest first."""
        return layer_refs(self.remote, self.layers, self.ostree_layers)

    def moved_to(self, deployment: str) -> Self:
        """The same facts about the same commit in another directory."""
        return replace(self, deployment=deployment)

    def to_json(self) -> JsonObject:
        """As it stands in record.json."""
        return {field.name: _plain(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_json(cls, obj: JsonObject) -> Self:
        """Read a record.json. Raises JsonError or BadManifest."""
        return cls(
            id=get_str(obj, "id"),
            remote=get_str(obj, "remote"),
            reference=get_str(obj, "reference"),
            image_digest=Digest.parse(get_str(obj, "image_digest")),
            index_digest=get_str(obj, "index_digest"),
            config_digest=Digest.parse(get_str(obj, "config_digest")),
            commit=Digest(get_str(obj, "commit")).hex,
            layers=tuple(Digest.parse(text) for text in get_strings(obj, "layers")),
            verify=get_str(obj, "verify"),
            signer=get_str(obj, "signer"),
            signer_name=get_str(obj, "signer_name"),
            signed_at=get_int(obj, "signed_at"),
            signers=tuple(map(Signed.from_json, get_objects(obj, "signers"))),
            threshold=get_int(obj, "threshold"),
            identity=get_str(obj, "identity"),
            verdict=get_str(obj, "verdict"),
            checked_at=get_int(obj, "checked_at"),
            tag_bound=get_bool(obj, "tag_bound"),
            version=get_str(obj, "version"),
            title=get_str(obj, "title"),
            arch=get_str(obj, "arch"),
            installed_size=get_int(obj, "installed_size"),
            install_time=get_int(obj, "install_time"),
            bytes_downloaded=get_int(obj, "bytes_downloaded"),
            bytes_reused=get_int(obj, "bytes_reused"),
            deployment=get_str(obj, "deployment"),
            permissions=tuple(Permission.from_json(item) for item in get_list(obj, "permissions")),
            created=get_int(obj, "created"),
            ignored=tuple(get_strings(obj, "ignored")),
            dropped=tuple(get_strings(obj, "dropped")),
            ostree_layers=get_int(obj, "ostree_layers", 0),  # records of before say nothing of it, nor of
            flatpak_ref=get_str(obj, "flatpak_ref", ""),
            runtime=get_str(obj, "runtime", ""),
            given_id=get_bool(obj, "given_id", default=False),
        )


@dataclass(frozen=True, slots=True)
class Installed:
    """One app: what is current, and what is kept beside it, newest first."""

    current: Record
    kept: tuple[Record, ...]

    @property
    def records(self) -> tuple[Record, ...]:
        """Every deployment that is here."""
        return (self.current, *self.kept)

    def previous(self) -> Record | None:
        """The deployment that a rollback goes to: the newest of another image."""
        others = (record for record in self.kept if record.image_digest != self.current.image_digest)
        return next(others, None)


def installed(paths: Paths) -> dict[str, Installed]:
    """Every app that has a current deployment, by ID."""
    found = ((name, read_app(paths.app(name))) for name in app_names(paths))
    return {name: app for name, app in found if app is not None}


def app_names(paths: Paths) -> list[str]:
    """The directories that may each hold an app, sorted."""
    with os.scandir(paths.apps) as found:
        return sorted(entry.name for entry in found if entry.is_dir())


def find_app(paths: Paths, app_id: str) -> Installed | None:
    """One app, if it is installed; what is no ID names no directory."""
    return read_app(paths.app(app_id)) if is_app_id(app_id) else None


def installed_app(paths: Paths, app_id: str) -> Installed:
    """One app. Raises NotInstalled."""
    app = find_app(paths, app_id)
    if app is None:
        raise NotInstalled(f"{app_id} is not installed")
    return app


def roots(paths: Paths) -> set[str]:
    """Every ref that some record needs."""
    return {ref for app in installed(paths).values() for record in app.records for ref in record.refs()}


def unreadable(paths: Paths) -> list[Path]:
    """Deployments whose record cannot be read: what they need is not known, so nothing may be dropped."""
    found = []
    for app in sorted(path for path in paths.apps.iterdir() if path.is_dir()):
        for deployment in deployments(app):
            try:
                read_record(deployment)
            except RepoCorrupt:
                found.append(deployment)
    return found


def read_record(deployment: Path) -> Record:
    """The record of one deployment directory. Raises RepoCorrupt."""
    try:
        with (deployment / "record.json").open("rb") as file:
            record = Record.from_json(parse_object(file.read(RECORD_BYTES + 1), RECORD_BYTES))
    except (OSError, JsonError, AppctlError) as error:
        raise RepoCorrupt(
            f"the record of {deployment.parent.name} cannot be read", path=str(deployment)
        ) from error
    if (record.id, record.deployment) != (deployment.parent.name, deployment.name):
        raise RepoCorrupt("a record stands where another should be", path=str(deployment))
    return record


def read_app(directory: Path) -> Installed | None:
    """The app of one directory; None where it has no current deployment that can be read."""
    try:
        current = str((directory / "current").readlink())
    except OSError:
        return None
    records = {record.deployment: record for record in _records(directory)}
    if current not in records:
        return None
    kept = [record for name, record in records.items() if name != current]
    kept.sort(key=lambda record: _age(directory, record), reverse=True)
    return Installed(records[current], tuple(kept))


def _age(directory: Path, record: Record) -> tuple[int, int]:
    """For sorting: the second of the install, and within it the order on the disk."""
    try:
        return record.install_time, (directory / record.deployment).stat().st_mtime_ns
    except OSError:
        return record.install_time, 0


def _records(directory: Path) -> Iterator[Record]:
    for path in deployments(directory):
        try:
            yield read_record(path)
        except RepoCorrupt:
            continue


def deployments(directory: Path) -> list[Path]:
    """The deployments of an app's directory; `.staging-*` are none yet, `current` is a link to one."""
    candidates = (path for path in directory.iterdir() if not path.name.startswith("."))
    return sorted(path for path in candidates if not path.is_symlink() and path.is_dir())


def _plain(value: object) -> Json:
    match value:
        case str() | bool() | int():
            return value
        case Digest():
            return str(value)
        case Permission() | Signed():
            return value.to_json()
        case tuple():
            return [_plain(item) for item in value]
        case _:
            raise TypeError(f"a record holds no {type(value).__name__}")
