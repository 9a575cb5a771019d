# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""One installed app on the bus."""

from collections.abc import Callable
from typing import ClassVar

from appctld.bus.exported import Exported
from appctld.bus.wire.paths import APP
from appctld.model.jsonvalue import Json, JsonObject


class AppObject(Exported):
    """Reads the facts about one app; `facts` gives them with the keys of Manager.List."""

    interface: ClassVar[str] = APP

    def __init__(self, app_id: str, facts: Callable[[str], JsonObject]) -> None:
        self._id = app_id
        self._facts = facts

    def _get(self, key: str) -> Json:
        return self._facts(self._id).get(key)

    def _text(self, key: str) -> str:
        value = self._get(key)
        return value if isinstance(value, str) else ""

    def _number(self, key: str) -> int:
        value = self._get(key)
        return value if isinstance(value, int) else 0

    @property
    def id(self) -> str:  # noqa: D102 - the XML says what it is
        return self._id

    @property
    def metadata(self) -> JsonObject:  # noqa: D102 - the XML says what it is
        return self._facts(self._id)

    @property
    def permissions(self) -> list[Json]:  # noqa: D102 - the XML says what it is
        value = self._get("permissions")
        return value if isinstance(value, list) else []

    @property
    def desktop_ids(self) -> list[Json]:  # noqa: D102 - the XML says what it is
        value = self._get("desktop-ids")
        return value if isinstance(value, list) else []

    @property
    def icon_name(self) -> str:  # noqa: D102 - the XML says what it is
        return self._text("icon-name")

    @property
    def metainfo_path(self) -> str:  # noqa: D102 - the XML says what it is
        return self._text("metainfo-path")

    @property
    def ref(self) -> str:  # noqa: D102 - the XML says what it is
        return self._text("reference")

    @property
    def remote(self) -> str:  # noqa: D102 - the XML says what it is
        return self._text("remote")

    @property
    def scope(self) -> str:  # noqa: D102 - the XML says what it is
        return self._text("scope")

    @property
    def version(self) -> str:  # noqa: D102 - the XML says what it is
        return self._text("version")

    @property
    def tag(self) -> str:  # noqa: D102 - the XML says what it is
        return self._text("tag")

    @property
    def arch(self) -> str:  # noqa: D102 - the XML says what it is
        return self._text("arch")

    @property
    def commit(self) -> str:  # noqa: D102 - the XML says what it is
        return self._text("commit")

    @property
    def image_digest(self) -> str:  # noqa: D102 - the XML says what it is
        return self._text("image-digest")

    @property
    def signer(self) -> str:  # noqa: D102 - the XML says what it is
        return self._text("signer")

    @property
    def update_version(self) -> str:  # noqa: D102 - the XML says what it is
        return self._text("update-version")

    @property
    def latest_digest(self) -> str:  # noqa: D102 - the XML says what it is
        return self._text("latest-digest")

    @property
    def update_size(self) -> int:  # noqa: D102 - the XML says what it is
        return self._number("update-size")

    @property
    def signed_at(self) -> int:  # noqa: D102 - the XML says what it is
        return self._number("signed-at")

    @property
    def installed_size(self) -> int:  # noqa: D102 - the XML says what it is
        return self._number("installed-size")

    @property
    def install_time(self) -> int:  # noqa: D102 - the XML says what it is
        return self._number("install-time")

    @property
    def update_available(self) -> bool:  # noqa: D102 - the XML says what it is
        return self._get("update-available") is True

    @property
    def update_permissions(self) -> list[Json]:  # noqa: D102 - the XML says what it is
        value = self._get("update-permissions")
        return value if isinstance(value, list) else []

    @property
    def last_error(self) -> str:  # noqa: D102 - the XML says what it is
        return self._text("last-error")

    @property
    def held(self) -> bool:  # noqa: D102 - the XML says what it is
        return self._get("held") is True

    @property
    def skipped_digest(self) -> str:  # noqa: D102 - the XML says what it is
        return self._text("skipped-digest")

    @property
    def running(self) -> bool:  # noqa: D102 - the XML says what it is
        return self._get("running") is True
