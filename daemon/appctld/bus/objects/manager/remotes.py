# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The Manager's methods about remotes: whom this machine trusts."""

from collections.abc import Mapping
from functools import partial

from appctld.bus.caller import Caller
from appctld.bus.objects.asked import Options, check_remote, details
from appctld.bus.objects.manager.part import Part
from appctld.bus.objects.settings import RemoteSettings
from appctld.bus.wire.paths import remote_path


class RemoteMethods(Part):
    """Settings are checked before anybody is asked about them."""

    async def resolve_file(self, caller: Caller, file: bytes) -> Mapping[str, object]:  # noqa: ARG002 - anybody may look
        """What a publisher's file would add. Nothing is asked, and nothing is written."""
        return self._service.remotes.introduce(file)

    async def add_remote(self, caller: Caller, name: str, settings: Options) -> str:
        """Trust one more publisher."""
        asked = RemoteSettings.parse(settings).for_a_new_remote()
        await self._may_change(caller, name, asked)
        await self._service.remotes.add(name, dict(asked.texts), asked.keys, asked.ca, asked.cosign_keys)
        return remote_path(name)

    async def modify_remote(self, caller: Caller, name: str, settings: Options) -> None:
        """Change a remote."""
        asked = RemoteSettings.parse(settings)
        await self._may_change(caller, name, asked)
        if asked.update is not None:
            await self._service.remotes.rotate(name, asked.update)
            return
        await self._service.remotes.modify(name, dict(asked.texts), asked.keys, asked.ca, asked.cosign_keys)

    async def remove_remote(self, caller: Caller, name: str, options: Options) -> None:  # noqa: ARG002 - none yet
        """Trust a publisher no longer."""
        await self._may_change(caller, name, RemoteSettings())
        await self._service.remotes.remove(name)

    async def _may_change(self, caller: Caller, name: str, asked: RemoteSettings) -> None:
        check_remote(name, asked.texts)
        where = " ".join(asked.texts[key] for key in ("url", "prefix") if asked.texts.get(key))
        verify = asked.texts.get("verify", "")
        await self._allowed(
            caller, "modify-remote", partial(details, remote=name, reference=where, verify=verify)
        )
