# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""org.appctl.Installer1 as a client uses it. Nothing of GTK is in here, and nothing here waits."""

import re

from gi.repository import Gio, GLib, GObject

NAME, ROOT = "org.appctl.Installer1", "/org/appctl/Installer1"
ASK = Gio.DBusCallFlags.ALLOW_INTERACTIVE_AUTHORIZATION  # without it polkit asks nobody: PolkitRequired
NO_OPTIONS = GLib.Variant("(a{sv})", ({},))
ENDED = "The service ended before this was done. What was fetched is still there: try again."
UNKNOWN = "The service that runs here cannot do this yet."
NO_BUS = "There is no bus on which the service could be asked."


def signal(*types):
    """Declare a signal."""
    return (GObject.SignalFlags.RUN_FIRST, None, types)


class Job(GObject.Object):
    """One piece of work of the service: `moved` while it goes on, `finished` once."""

    __gsignals__ = {"moved": signal(), "finished": signal()}

    def __init__(self, path):
        super().__init__()
        self.path, self.state, self.error, self.message, self.result = path, "", "", "", {}
        self.proxy = None

    def fact(self, name, unknown=""):
        """Give a property as it was told last; `unknown` before that."""
        value = self.proxy and self.proxy.get_cached_property(name)
        return unknown if value is None else value.unpack()

    def follow(self, proxy):
        """Take the properties as they are now, and as they change: about five times a second."""
        self.proxy = proxy
        proxy.connect("g-properties-changed", self._moved)
        self._moved()

    def _moved(self, *_):
        if self.fact("State"):  # with the service the properties go as well
            self.emit("moved")

    def finish(self, state, error, message, result):
        """Take the end from JobFinished. State would not do: of a job for which others asked as well, who
        cancels it is told that it was cancelled, and it goes on for them.
        """
        self.state, self.error, self.message, self.result = state, error.rpartition(".")[2], message, result
        self.emit("finished")

    def cancel(self):
        """Leave things as they were, unless the new version is being put in place at this moment."""
        if self.fact("Cancelable"):
            self.proxy.call("Cancel", NO_OPTIONS, Gio.DBusCallFlags.NONE, -1)


class Installer(GObject.Object):
    """The service: `changed` when `apps` are, `started` with a job, or `refused` with sentence and hint."""

    __gsignals__ = {"changed": signal(), "started": signal(object), "refused": signal(str, str)}

    def __init__(self, bus_type):
        super().__init__()
        self.apps = []  # what List said last of each
        self._bus, self._jobs, self._ends, self._reading = None, {}, {}, False
        # The root is an ObjectManager, whose client sees apps, remotes and jobs come, change and go.
        client, flags = Gio.DBusObjectManagerClient, Gio.DBusObjectManagerClientFlags.NONE
        client.new_for_bus(bus_type, flags, NAME, ROOT, None, None, None, self._connected)

    def start(self, method, *what, then=None, **options):
        """Call a method that answers with a job; `then` is called with the job when it has finished."""
        takes = "".join("as" if isinstance(each, list) else "s" for each in what) + "a{sv}"
        given = {key.replace("_", "-"): GLib.Variant("s", value) for key, value in options.items()}
        arguments = GLib.Variant(f"({takes})", (*what, given))
        self._call(method, arguments, lambda path: self._started(path, then))

    def _call(self, method, arguments, then):
        if self._bus is None:
            return self.emit("refused", NO_BUS, "")

        def answered(bus, answer):
            try:
                then(*bus.call_finish(answer).unpack())
            except GLib.Error as error:
                self.emit("refused", *sentence_and_hint(error))

        return self._bus.call(NAME, ROOT, f"{NAME}.Manager", method, arguments, None, ASK, -1, None, answered)

    def _connected(self, _source, answer):
        try:
            objects = Gio.DBusObjectManagerClient.new_for_bus_finish(answer)
        except GLib.Error as error:  # there is no such bus
            self.emit("refused", *sentence_and_hint(error))
            return
        self._objects, self._bus = objects, objects.get_connection()  # nobody else keeps them
        for moved in ("object-added", "object-removed", "interface-proxy-properties-changed"):
            objects.connect(moved, self._moved)
        objects.connect("notify::name-owner", self._owner_changed)
        self._bus.signal_subscribe(NAME, f"{NAME}.Manager", "JobFinished", ROOT, None, 0, self._told)
        self._read()

    def _owner_changed(self, objects, _property):
        # The service ends when nobody has called for a while, and comes with the next call: what was listed
        # stays listed. But jobs live and die with it.
        if objects.get_name_owner() is None:
            self._ends.clear()  # the next service counts its jobs from 1 again
            for job in [*self._jobs.values()]:
                self._finish(job, "failed", "", ENDED, {})

    def _moved(self, objects, item, *_):
        # One question for all that changed together, and none after the service left: it would come back.
        here = objects.get_name_owner() is not None and "/job/" not in item.get_object_path()
        if here and not self._reading:
            self._reading = True
            GLib.idle_add(self._read)

    def _read(self):
        self._reading = False
        self._call("List", NO_OPTIONS, self._listed)

    def _listed(self, apps):
        self.apps = [app for app in apps if app["kind"] == "app"]  # the others are runtimes
        self.emit("changed")

    def _started(self, path, then):
        job = self._jobs.get(path)  # who asks for what is being done already gets that job
        if job is None:
            job = self._jobs[path] = Job(path)
            flags, interface = Gio.DBusProxyFlags.NONE, f"{NAME}.Job"
            Gio.DBusProxy.new(self._bus, flags, None, NAME, path, interface, None, self._followed, job)
            self.emit("started", job)
        if then:
            job.connect("finished", then)

    def _followed(self, _source, answer, job):
        job.follow(Gio.DBusProxy.new_finish(answer))
        if job.path in self._ends:
            self._finish(job, *self._ends.pop(job.path))

    def _told(self, _bus, _sender, _path, _interface, _signal, arguments):
        # JobFinished comes to those who made the call, and may overtake the answers that tell of the job.
        path, *end = arguments.unpack()
        if path in self._jobs and self._jobs[path].proxy:
            self._finish(self._jobs[path], *end)
        else:
            self._ends[path] = end

    def _finish(self, job, *end):
        del self._jobs[job.path]
        job.finish(*end)


def sentence_and_hint(error):
    """Read a refusal: GLib writes the error's name before the sentence, and a hint is the second line."""
    if (Gio.DBusError.get_remote_error(error) or "").endswith(".UnknownMethod"):
        return UNKNOWN, ""
    return re.sub(r"^GDBus\.Error:\S+: ", "", error.message).partition("\nhint: ")[::2]
