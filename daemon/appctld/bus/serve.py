# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Puts a service on a bus: the composition root connects, builds, serves, takes the name, and waits."""

from pathlib import Path

from appctld.bus.announcer import Announcer
from appctld.bus.objects.manager.manager import Manager
from appctld.bus.server import Server
from appctld.bus.service import Service
from appctld.bus.wire import schema
from appctld.bus.wire.connection import Connection
from appctld.bus.wire.paths import ROOT


async def serve(connection: Connection, service: Service, interfaces: Path) -> Server:
    """Serve everything and watch the jobs; `interfaces` is the directory of the XML files.

    Raises SchemaError when the XML and the code do not fit. The bus name is not taken yet: others see the
    service from that moment on (`connection.own_name`).
    """
    server = Server(connection, schema.load(interfaces))
    announcer = Announcer(server, service)
    server.export(ROOT, Manager(service, announcer))
    announcer.populate()
    service.jobs.observer = announcer
    server.start()
    return server
