# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl install`: show what would be installed and who signed it, ask, install exactly that.

The preview is a Resolve job; Install gets its digest and its permissions' hash back, so that what was
answered is what happens, or nothing. Several references are installed one after the other; each is tried.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from appctl.actions.apps import expanded, installed_in, name_of, report, tell_all, with_it
from appctl.actions.facts import leaving, permissions, signed_by
from appctl.actions.remotes.introduction import referred
from appctl.bundles.source import check, handed
from appctl.context import Context
from appctl.failure import Declined, Failure, Unanswered, usage
from appctl.logins.credentials import logins
from appctl.references import apart, names_a_ref
from appctl.running.deployments.runfile import parse
from appctl.scope import Scope
from appctl.talk.outcome import THE_END, Outcome
from appctl.talk.wire import (
    Json,
    JsonValue,
    get_int,
    get_object,
    get_objects,
    get_str,
    get_strings,
    get_triples,
)
from appctl.terminal.ask import can_ask, confirm, grants
from appctl.terminal.show import Palette, escape, note, size


def install(context: Context) -> int:
    """Install the references of the command line."""
    _check_source(context)
    if context.options.dry_run:
        return _dry_run(context)
    outcomes: list[Outcome] = []
    for reference in context.options.refs:
        outcomes.append(_tried(context, reference))
        if any(_is_the_end(failure) for failure in outcomes[-1].failures):
            break
    return report(context, outcomes)


def _check_source(context: Context) -> None:
    """Raise Failure (Usage) for a `--from` that cannot be meant."""
    if context.options.no_pull and (context.options.no_deploy or context.options.source):
        raise usage("--no-pull installs what is here: not with --no-deploy or --from")
    if context.options.as_id and len(context.options.refs) != 1:
        raise usage("--as is for one image: give one reference")
    if context.options.source is None:
        return
    if context.options.detach:
        raise usage("--from is read by this command, which must wait", "without --detach")
    if len(context.options.refs) != 1:
        raise usage("--from is for one image: give one reference")
    check(context.options.source)


@contextlib.contextmanager
def _from_source(context: Context, reference: str, *, layers: bool) -> Iterator[dict[str, object]]:
    """The option that hands over what `--from` names, for the length of a job. Raises Failure."""
    if context.options.source is None:
        yield {}
        return
    with handed(context.options.source, expanded(context, reference), layers=layers) as bundle:
        yield {"bundle": bundle}


def _logins(context: Context, reference: str) -> list[JsonValue]:
    """The caller's login for the registry, if that is asked at all."""
    return logins(context, [reference]) if _outside(context) else []


def _dry_run(context: Context) -> int:
    previews: list[JsonValue] = []
    failures: list[Failure] = []
    for reference in context.options.refs:
        try:
            reference = referred(context, reference)  # noqa: PLW2901 - what a publisher's file names
            preview = _resolve(context, reference)
        except Failure as failure:
            failures.append(failure)
            if _is_the_end(failure):
                break
            continue
        previews.append(preview)
        context.say(*preview_lines(preview, context.out))
    if context.options.json:
        errors: list[JsonValue] = [failure.to_json() for failure in failures]
        context.put_json({"changed": False, "previews": previews, "errors": errors})
    return tell_all(context, failures)


def _tried(context: Context, reference: str) -> Outcome:
    """Install one; its failure is part of the outcome, so that the others are tried."""
    try:
        return _install_one(context, referred(context, reference))
    except Declined as no:
        alone = len(context.options.refs) == 1
        return Outcome.failed(no if alone else Declined(f"Did not install {reference}.", no.name))
    except Failure as failure:
        return Outcome.failed(failure)


def _is_the_end(failure: Failure) -> bool:
    """Whether the next one would end the same way. A person's no is about one."""
    return isinstance(failure, Unanswered) or (failure.name in THE_END and not isinstance(failure, Declined))


def _install_one(context: Context, reference: str) -> Outcome:
    options = context.options
    preview = _resolve(context, reference)
    if as_wanted := _as_wanted(context, preview):
        context.say(_line(as_wanted))
        return Outcome("succeeded", {"apps": [as_wanted]}, ())
    anew = options.reinstall or bool(get_str(preview, "switches-from"))  # the same image by another tag
    if get_str(preview, "change") != "none" or anew:
        _ask(context, preview)
    asked = {
        "accept-permissions": get_str(preview, "permissions-hash") or None,
        "expected-digest": get_str(preview, "image-digest") or None,
        "reinstall": anew,
        "allow-downgrade": options.allow_downgrade,
        "or-update": options.or_update,
        "remote": options.remote,
        "registry-auth": _logins(context, reference),
        "ask-credentials": context.asks_for_logins,
        "no-pull": context.options.no_pull,
        "no-deploy": context.options.no_deploy,
        **_chosen(context),
    }
    outcome = _job(context, reference, asked)
    unseen = get_object(outcome.result, "preview")
    if outcome.state == "needs-approval" and unseen and can_ask(options) and not options.yes:
        outcome = _job(context, reference, {**asked, **_approved(context, unseen)})
    for app in get_objects(outcome.result, "apps"):
        context.say(_line(app))
    return outcome


def _as_wanted(context: Context, preview: Json) -> Json:
    """The app, if it is installed just so: then polkit need not ask anybody either. Empty otherwise."""
    options = context.options
    if get_str(preview, "change") != "none" or options.reinstall or get_objects(preview, "also"):
        return {}
    keys = ("id", "reference", "image-digest")
    found = (
        app for app in installed_in(context, context.scope) if all(app[key] == preview[key] for key in keys)
    )
    return next(({**app, "changed": False} for app in found), {})


def _job(context: Context, reference: str, options: Json) -> Outcome:
    with _from_source(context, reference, layers=True) as bundle:
        return context.run_job(context.scope, "Install", "asa{sv}", [reference], {**options, **bundle})


def _approved(context: Context, preview: Json) -> Json:
    """Ask about permissions that only the download told. Raises Declined."""
    note(f"May use    {permissions(preview)}")
    if not grants(context.options, "That stands in a file of the image, and no label showed it. Install it?"):
        raise Declined(name="NeedsApproval")
    return {
        "accept-permissions": get_str(preview, "permissions-hash"),
        "expected-digest": get_str(preview, "image-digest"),
    }


def _line(app: Json) -> str:
    if app.get("pulled"):
        return f"{name_of(app)} is here, and not installed: appctl install --no-pull REF installs it."
    if not app.get("changed"):
        return f"{name_of(app)} is installed already."
    start = f"   Start it: appctl run {escape(_short(app))}" if _has_command(app) else ""
    return f"Installed {name_of(app)}{with_it(app)}.{start}"


def _has_command(app: Json) -> bool:
    """Whether the image says what to run; where its run.json cannot be read, it is taken to."""
    try:
        run = parse((Path(get_str(app, "deployment")).parent / "run.json").read_bytes(), get_str(app, "id"))
    except (OSError, ValueError, TypeError, RecursionError):
        return True
    return bool(run.command([], None))


def _resolve(context: Context, reference: str) -> Json:
    """Return the preview. Raises Failure.

    What a login opens is worth the right to install, and polkit's question for that; so a person is asked
    for one when it is known that the registry wants it.
    """
    outcome = _resolved(context, reference, {})
    if [failure.name for failure in outcome.failures] == ["RegistryAuth"] and context.asks_for_logins:
        outcome = _resolved(context, reference, {"ask-credentials": True})
    if outcome.failures:
        raise outcome.failures[0]
    return get_object(outcome.result, "preview")


def _chosen(context: Context) -> Json:
    """Return the options that change what is installed, not only how; preview and install have both."""
    return {"arch": context.options.arch, "as-id": context.options.as_id}


def _outside(context: Context) -> bool:
    """Whether a registry is asked at all."""
    return context.options.source is None and not context.options.no_pull


def _resolved(context: Context, reference: str, more: Json) -> Outcome:
    options: Json = {
        "remote": context.options.remote,
        "allow-downgrade": context.options.allow_downgrade,
        "registry-auth": _logins(context, reference),
        **_chosen(context),
        "cached-only": context.options.no_pull,
        **more,
    }
    with _from_source(context, reference, layers=False) as bundle:
        return context.run_job(context.scope, "Resolve", "sa{sv}", reference, {**options, **bundle})


def _ask(context: Context, preview: Json) -> None:
    """Show the preview and ask. Raises Failure when the answer is no, or nobody can be asked."""
    options = context.options
    lines = preview_lines(preview, context.err)
    if options.yes:
        context.say(*preview_lines(preview, context.out))
        return
    note(*lines)
    if options.noninteractive and get_triples(preview, "permissions"):
        raise Failure("NeedsApproval", f"{get_str(preview, 'id')} asks for permissions that nobody granted",
                      "-y accepts those that are shown")  # fmt: skip
    confirm(options, "Download?" if options.no_deploy else _question(context, preview))


def _question(context: Context, preview: Json) -> str:
    """One ID has one tag: who names another is asked whether that is meant."""
    before, after = apart(get_str(preview, "switches-from"), get_str(preview, "reference"))
    what = f"Switch to {escape(after)}" if before else "Install"
    return f"{what} for all users?" if context.scope is Scope.SYSTEM else f"{what}?"


def preview_lines(preview: Json, palette: Palette) -> list[str]:
    """Say what would be installed, who signed it, how much it is and what it may use. All of it escaped."""
    digest = get_str(preview, "image-digest")
    installed_version = get_str(preview, "installed")
    change = f"   (installed: {escape(installed_version)})" if installed_version else ""
    reference = get_str(preview, "reference")
    what = f"commit {digest[7:19]}" if names_a_ref(reference) else digest[:11]
    subject = f"{escape(reference)}  {escape(what)}…"
    lines = [
        f"{palette.bold(name_of(preview))}   {subject}   from {escape(get_str(preview, 'remote'))}{change}",
        f"Signed by  {signed_by(preview, palette)}",
        f"Size       {_sizes(preview)}",
        f"May use    {permissions(preview)}",
    ]
    if risky := leaving(preview):
        lines.append(f"Of that    {risky}: {palette.bold('leaves the sandbox')}")
    if also := get_objects(preview, "also"):
        lines.append(f"With it    {', '.join(_with(one) for one in also)}")
    if downgrade := get_str(preview, "downgrade"):
        lines.insert(1, palette.red("DOWNGRADE") + f"  {escape(downgrade)}")
    if switched := get_str(preview, "switches-from"):
        before, after = map(escape, apart(switched, reference))
        until = "and stays there: no more updates" if "@" in after else "and gets its updates from there"
        lines.insert(1, f"{palette.bold('Switches')}   from {before} to {after}, {until}")
    if ignored := get_strings(preview, "ignored"):
        lines.append(f"Ignored    {', '.join(map(escape, ignored))}")
    return lines


def _with(one: Json) -> str:
    """A runtime or an extension that comes with an app, under a signature of its own."""
    return f"{name_of(one)} (of {size(get_int(one, 'bytes'))})"


def _sizes(preview: Json) -> str:
    if preview.get("size-unknown"):
        return "known after the download"
    parts = [f"{size(get_int(preview, 'download-size'))} to download"]
    if reused := get_int(preview, "reuse-size"):
        parts.append(f"{size(reused)} already here")
    if installed := get_int(preview, "installed-size"):
        parts.append(f"{size(installed)} installed")
    return ", ".join(parts)


def _short(app: Json) -> str:
    return get_str(app, "id").rpartition(".")[2].lower()
