# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The window: one page at a time, above it what went wrong, below it what is going on."""

from functools import partial

from gi.repository import Adw, GLib, Gtk

from offer import offer_page
from rows import Progress, box, button, group, icon, label, name, page, picture, plain, row

DONE = {"install": "Installed", "update": "Updated", "approve": "Updated", "uninstall": "Removed"}
NO_FAULT = {"Cancelled", "NotAuthorized"}  # somebody pressed Cancel, here or in polkit's dialog


class Window(Adw.ApplicationWindow):
    """Shows what the installer tells, and tells it what a person wants."""

    def __init__(self, application, installer):
        super().__init__(application=application, title="Software", default_width=460, default_height=660)
        self._start, self._installer, self._apps_shown = installer.start, installer, True
        self._words = Gtk.SearchEntry(placeholder_text="Search, or type acme/editor", hexpand=True)
        self._words.connect("activate", self._look)
        self._back = button("Back", self._show_apps, sign="go-previous")
        header = Adw.HeaderBar(title_widget=self._words)
        header.pack_start(self._back)
        header.pack_end(button("Check for Updates", lambda: self._start("CheckUpdates"), sign="view-refresh"))
        self._page, self._problem, self._jobs = Adw.Bin(vexpand=True), Adw.Bin(), box(spacing=0)
        self._toasts = Adw.ToastOverlay(child=box(self._problem, self._page, spacing=0))
        self.set_content(box(header, self._toasts, self._jobs, spacing=0))
        installer.connect("changed", lambda _: self._apps_shown and self._show_apps())
        installer.connect("started", self._started)
        installer.connect("refused", lambda _, *what: self._complain(*what))

    def _show(self, shown, *, apps=False):
        self._apps_shown = apps
        self._back.set_visible(not apps)
        self._page.set_child(shown)
        self.set_focus(None)

    def _show_apps(self):
        apps = sorted(self._installer.apps, key=lambda app: name(app).casefold())
        every = button("Update All", lambda: self._start("Update", []))
        updates = [self._update(app) for app in apps if app["update-available"]]
        lists = [group("Updates", updates, every)] if updates else []
        nothing = Adw.StatusPage(icon_name="folder-download-symbolic", title="No Apps Yet", vexpand=True)
        lists += [group("Installed", map(self._app, apps))] if apps else [nothing]
        self._show(page(*lists), apps=True)

    def _update(self, app):
        versions = f"{plain(app['version'])} → {plain(app['update-version'])}"
        if app["update-permissions"]:  # Update fetches it, and leaves it until somebody says yes
            look = button("Review…", lambda: self._review(app))
            return row(_picture(app), name(app), f"{versions}, wants to use more", look)
        act = button("Update", lambda: self._start("Update", [app["id"]]), "suggested-action")
        return row(_picture(app), name(app), f"{versions}, {GLib.format_size(app['update-size'])}", act)

    def _app(self, app):
        error = app["last-error"]  # NeedsApproval stands among the updates
        failed = f"\nLast update failed: {error}" if error not in {"", "NeedsApproval"} else ""
        acts = [button("Remove", lambda: self._remove(app), "flat", sign="user-trash")]
        if app["kept"]:
            back = f"Go Back to {plain(app['kept'][0])}"
            acts.insert(0, button(back, lambda: self._start("Rollback", app["id"]), "flat", sign="edit-undo"))
        return row(_picture(app), name(app), f"{plain(app['version'])} from {app['remote']}{failed}", *acts)

    def _look(self, entry):
        words = entry.get_text().strip()
        if "/" in words:  # a reference, for which no catalogue is needed
            self._start("Resolve", words, then=self._offer)
        elif words:
            self._start("Search", words, then=self._found, locale=GLib.get_language_names()[0])

    def _found(self, job):
        if job.state == "succeeded":
            rows = [self._match(app) for app in job.result["apps"]]
            unknown = job.result["without-catalogue"]  # a registry cannot be listed
            rows += [row(icon("dialog-information"), f"{remote} has no catalogue") for remote in unknown]
            self._show(page(group("Found", rows or [row(icon("edit-find"), "Nothing")])))

    def _match(self, app):
        says = plain(app["summary"]) + ("" if app["signed"] else " (words that nobody signed)")
        show = partial(self._offer, image=app["icon"])
        view = button("View", lambda: self._start("Resolve", app["reference"], then=show))
        return row(picture(plain(app["name"]), app["icon"]), plain(app["name"]), says, view)

    def _offer(self, job, method="Install", **known):
        if "preview" in job.result:
            self._show(offer_page(job.result["preview"], lambda offer: self._accept(method, offer), **known))

    def _review(self, app):
        # Asked anew: it may have moved on since the check, and the preview says who signed it.
        show = partial(self._offer, method="Approve", approved=app["permissions"])
        self._start("Resolve", app["reference"], then=show)

    def _accept(self, method, offer):
        # This image and these permissions, which were shown, or nothing.
        shown = {"expected_digest": offer["image-digest"], "accept_permissions": offer["permissions-hash"]}
        self._start(method, [offer["reference"]] if method == "Install" else offer["id"], **shown)
        self._words.set_text("")
        self._show_apps()

    def _remove(self, app):
        stays = f"Your data in ~/.var/app/{app['id']} stays."
        asked = Adw.MessageDialog(transient_for=self, heading=f"Remove {name(app)}?", body=stays)
        asked.add_response("keep", "Keep")
        asked.add_response("remove", "Remove")
        asked.set_response_appearance("remove", Adw.ResponseAppearance.DESTRUCTIVE)
        asked.connect("response::remove", lambda *_: self._start("Uninstall", [app["id"]]))
        asked.present()

    def _started(self, _installer, job):
        self._problem.set_child(None)
        shown = Progress(job)
        self._jobs.append(shown)
        job.connect("finished", self._finished, shown)

    def _finished(self, job, shown):
        self._jobs.remove(shown)
        if job.error in NO_FAULT:
            self._toast(job.message)
        elif job.fact("Kind") in DONE and job.result.get("apps"):
            self._toast(f"{DONE[job.fact('Kind')]} {', '.join(map(name, job.result['apps']))}")
        if job.state == "needs-approval":  # of one image that asks in a file, which nobody could know before
            self._offer(job)
        for sentence, hint in _problems(job):
            self._complain(sentence, hint)

    def _toast(self, text):
        self._toasts.add_toast(Adw.Toast(title=GLib.markup_escape_text(plain(text)), timeout=2))

    def _complain(self, sentence, hint):
        texts = box(label(plain(sentence)), hexpand=True)
        if hint:  # often something to type
            texts.append(label(plain(hint), "caption", "dim-label", "monospace"))
        close = button("Close", lambda: self._problem.set_child(None), "flat", sign="window-close")
        card = box(icon("dialog-error", "error"), texts, close, across=True, spacing=12, margin=12)
        self._problem.set_child(box(card, css_classes=["card"], margin=12))


def _problems(job):
    # Of the job, of each of its apps, and of each app that could not be checked.
    if job.state == "failed" and job.error not in NO_FAULT:
        yield job.message, job.fact("Hint")
    for item in job.fact("Items", []):
        if item["state"] == "failed":
            yield item["error-message"], item.get("hint", "")
    for update in job.result.get("updates", []):
        if update.get("error"):
            yield update["message"], update.get("hint", "")


def _picture(app):
    return picture(name(app), app.get("icon-name", ""))
