# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What `--json` prints, as JSON Schemas (2020-12); does scripts/json-schemas' work.

Most of it is what the daemon says: keys and types come from data/dbus/*.xml, spelled with underscores. Here
stands which document holds what, and what every one of its readers may rely on (`required`). Later versions
may add keys, so none is forbidden.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from appctl.actions.apps import PROMISED
from appctl.exits import TABLE
from appctl.talk.watch import JOB_FACTS
from appctld.bus.wire.schema import Keys, load, snake

Schema = dict[str, Any]
DRAFT = "https://json-schema.org/draft/2020-12/schema"
_INTERFACES = Path(__file__).resolve().parents[2] / "data/dbus"
_MANAGER, _JOB, _REMOTE = (f"org.appctl.Installer1.{name}" for name in ("Manager", "Job", "Remote"))
_XML = load(_INTERFACES)

TEXT: Schema = {"type": "string"}
YES_OR_NO: Schema = {"type": "boolean"}
NUMBER: Schema = {"type": "integer"}
COUNT: Schema = {"type": "integer", "minimum": 0}
EXTENT: Schema = {"enum": ["none", "check", "download", "install"]}
SCOPE: Schema = {"enum": ["system", "user"]}
_TYPES = {"s": TEXT, "o": TEXT, "b": YES_OR_NO, "i": NUMBER, "u": COUNT, "t": COUNT}
_FOUND = ("id", "remote", "reference", "name", "installed", "signed", "scope")


def main() -> int:
    """Write the schemas into a directory; the exit code."""
    parser = argparse.ArgumentParser(prog="json-schemas")
    parser.add_argument("directory", metavar="DIRECTORY", type=Path)
    directory = parser.parse_args().directory
    directory.mkdir(parents=True, exist_ok=True)
    for name, schema in schemas().items():
        (directory / f"{name}.json").write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n")
    return 0


def schemas() -> dict[str, Schema]:
    """Every document by its name."""
    made = {
        "list": array(app("id", "version", "remote", "reference", "scope", scope=SCOPE)),
        "info": app(*_PROMISED, "scope", scope=SCOPE, changed=YES_OR_NO),
        "found": document(
            apps=array(
                result("apps", *_FOUND, scope=SCOPE)
            ),
            without_catalogue=array(TEXT), not_renewed=array(TEXT), more=COUNT,
        ),
        "history": array(made_of(_entries(), "time", "event", "uid", "id", "scope", scope=SCOPE)),
        "result": _result(),
        "previews": document(previews=array(result("preview", "id", "reference", "remote", "change"))),
        "updates": document(updates=array(result("updates", "id", "version", "error"))),
        "held": object_(["changed", "id", "scope", "held"], changed=YES_OR_NO, id=TEXT, scope=SCOPE,
                        held=YES_OR_NO),
        "permissions": object_(
            ["changed", "id", "scope", "permissions"], changed=YES_OR_NO, id=TEXT, scope=SCOPE,
            permissions=array(_permission()),
        ),
        "remotes": array(remote()),
        "remote": remote(changed=YES_OR_NO, no_longer_trusted=array(TEXT), keys=array(_key())),
        "remote-changed": object_(["changed", "name"], changed=YES_OR_NO, name=TEXT),
        "refreshed": leaving(document(
            remotes=array(result("remotes", "name", "last-refreshed")),
            updates=array(result("updates", "id", "version", "error")),
        )),
        "remote-file": object_(
            ["changed", "file", "text"], changed=YES_OR_NO, file=TEXT, text=TEXT, left_out=array(TEXT)
        ),
        "verify": leaving(document(**_found())),
        "repair": leaving(
            document(**_found(), actions=array(result("actions", "id", "action")), left=COUNT)
        ),
        "prune": leaving(object_(
            ["changed"], changed=YES_OR_NO, freed_bytes=COUNT, objects=COUNT, dry_run=YES_OR_NO,
            errors=array(error()),
        )),
        "jobs": array(_job()),
        "cancelling": object_(
            ["changed", "scope", "number"], changed={"const": True}, scope=TEXT, number=COUNT
        ),
        "running": array(_instance()),
        "stopped": object_(["changed", "stopped"], changed=YES_OR_NO, stopped=array(_instance())),
        "exported": object_(["changed", "apps"], changed=YES_OR_NO, apps=array(_exported())),
        "published": _published(),
        "login": object_(["changed", "host"], changed=YES_OR_NO, host=TEXT, file=TEXT),
        "linted": _linted(),
        "doctor": _doctor(),
        "version": _version(),
        "failure": object_(["changed", "error"], changed={"const": False}, error=error()),
        "applied": _applied(),
        "automatic": object_(
            ["changed", "scope", "policy", "last"], changed=YES_OR_NO, scope=SCOPE, policy=EXTENT,
            last=made_of(_XML[_MANAGER].properties["LastAutomaticUpdate"].keys, "time", "extent", "because"),
        ),
        "metrics": object_(["changed", "file", "text"], changed=YES_OR_NO, file=TEXT, text=TEXT),
        "event": _event(),
        "progress": object_(["progress"], progress=_progress()),
    }  # fmt: skip
    return {
        name: {"$schema": DRAFT, "title": f"appctl --json: {name}", **schema} for name, schema in made.items()
    }


# --- what documents are made of ----------------------------------------------------------------------------


def object_(required: list[str], **properties: Schema) -> Schema:
    """An object, in which later versions may have more."""
    return {"type": "object", "required": required, "properties": properties}


def array(items: Schema) -> Schema:
    """Any number of them."""
    return {"type": "array", "items": items}


def document(**properties: Schema) -> Schema:
    """What a command prints that works on several apps: what came of it, and what failed."""
    everything = {"changed": YES_OR_NO, **properties, "errors": array(error())}
    return object_(list(everything), **everything)


def leaving(schema: Schema) -> Schema:
    """The same of a command that may leave its jobs running (--detach), whose paths it then prints."""
    return {**schema, "properties": {**schema["properties"], "jobs": array(TEXT)}}


def made_of(keys: Keys, *required: str, **more: Schema) -> Schema:
    """A dictionary of the bus as an object; `keys` as schema.py gives them, inner ones as `outer/key`."""
    outer = {name: types for name, types in keys.items() if "/" not in name and name != "*"}
    properties = {snaked(name): _value(types[0], inner(keys, name)) for name, types in outer.items()}
    return object_(list(required), **{**properties, **more})


def inner(keys: Keys, name: str) -> Keys:
    """The keys below one of them."""
    return {key.removeprefix(f"{name}/"): types for key, types in keys.items() if key.startswith(f"{name}/")}


def snaked(key: str) -> str:
    """As --json spells a key."""
    return key.replace("-", "_")


def _value(signature: str, keys: Keys) -> Schema:
    if signature == "a{sv}":
        return made_of(keys)
    if signature == "a(sss)":
        return array({"type": "array", "items": TEXT, "minItems": 3, "maxItems": 3})
    if signature.startswith("a"):
        return array(_value(signature[1:], keys))
    return _TYPES[signature]


def _property(interface: str, name: str) -> Keys:
    return _XML[interface].properties[name].keys


def _out(method: str) -> Keys:
    return _XML[_MANAGER].methods[method].outs[0].keys


# --- the documents' parts ----------------------------------------------------------------------------------

_PROMISED = [snaked(key) for key in PROMISED]


def app(*required: str, **more: Schema) -> Schema:
    """An installed app."""
    return made_of(_out("List"), *required, **{**_nobody_signed(), **more})


def _nobody_signed() -> Mapping[str, Schema]:
    """Who signed, and when: null where nobody did and the key is promised."""
    return {"signer": {"type": ["string", "null"]}, "signed_at": {"type": ["integer", "null"]}}


def _entries() -> Keys:
    return _out("History")


def result(name: str, *required: str, **more: Schema) -> Schema:
    """One of what a job's result lists under that name."""
    return made_of(inner(_property(_JOB, "Result"), name), *required, **more)


def _result() -> Schema:
    """Of install, update, uninstall and rollback. One app's keys stand beside its list, too.

    `automatic` is how far an update went that nobody asked for, `because` what kept it from going further.
    """
    each = result("apps", *_PROMISED, **_nobody_signed(), scope=SCOPE)
    whole = document(apps=array(each))
    whole["properties"] = {
        **each["properties"],
        **whole["properties"],
        "freed_bytes": COUNT,
        "automatic": EXTENT,
        "because": array(TEXT),
    }
    return leaving(whole)


def _permission() -> Schema:
    """What was decided about one; `own` says whether the caller denies it to himself."""
    own: Schema = {"enum": ["", "deny"]}
    return made_of(_out("GetPermissions"), "kind", "value", "asked", "approved", "override", "own", own=own)


def _found() -> dict[str, Schema]:
    return {
        "problems": array(result("problems", "fault", "what", "apps")),
        "problems_total": COUNT,
        "bytes_checked": COUNT,
        "apps": array(result("apps", "id", "deployment", "current", "state", "words")),
    }


def error() -> Schema:
    """What failed, as docs/errors.md names it; a name may come from a newer daemon."""
    name = {"type": "string", "examples": sorted(TABLE)}
    details = made_of(_property(_JOB, "ErrorDetails"))
    return object_(
        ["name", "message", "hint", "details"], name=name, message=TEXT, hint=TEXT, details=details
    )


def remote(**more: Schema) -> Schema:
    """A publisher."""
    properties = {
        name.lower(): _value(item.signature, item.keys) for name, item in _XML[_REMOTE].properties.items()
    }
    return object_(["scope", "name", "url", "verify", "enabled"], scope=SCOPE, **properties, **more)


def _key() -> Schema:
    """A key of a publisher: `names` are foreign text, `expires` is 0 of one that does not."""
    return object_(
        ["kind", "fingerprint", "names", "expires", "lost", "counts"],
        kind={"enum": ["gpg", "cosign", "ed25519"]}, fingerprint=TEXT, names=array(TEXT), expires=COUNT,
        lost={"enum": ["", "expired", "revoked"]}, counts=YES_OR_NO,
    )  # fmt: skip


def _job() -> Schema:
    properties = {
        snake(name): _value(item.signature, item.keys) for name, item in _XML[_JOB].properties.items()
    }
    return object_(["scope", "number", "kind", "state"], scope=SCOPE, number=COUNT, **properties)


def _instance() -> Schema:
    keys = ["pid", "id", "version", "scope", "deployment", "started"]
    texts = dict.fromkeys(("id", "version", "deployment"), TEXT)
    return object_(keys, pid=COUNT, started=COUNT, scope=SCOPE, **texts)


def _exported() -> Schema:
    texts = dict.fromkeys(("id", "reference", "name", "digest", "config"), TEXT)
    return object_(["id", "name", "digest"], **texts, signatures=COUNT, left=array(TEXT))


def _published() -> Schema:
    texts = dict.fromkeys(("digest", "commit", "name"), TEXT)
    counts = dict.fromkeys(("size", "layers", "written"), COUNT)
    app = object_(["id", "reference", "icons"], id=TEXT, reference=TEXT, icons=array(TEXT))
    of_catalogs = {"apps": array(app), "remarks": array(TEXT)}
    lists = {"signatures": array(TEXT), **of_catalogs}
    return object_(["changed", "digest", "name"], changed=YES_OR_NO, **texts, **counts, **lists)


def _linted() -> Schema:
    level: Schema = {"enum": ["error", "warning", "note"]}
    texts = dict.fromkeys(("image", "code", "subject", "sentence"), TEXT)
    finding = object_([*texts, "level"], level=level, **texts)
    everything = {"images": array(TEXT), "findings": array(finding), "good": YES_OR_NO}
    return object_(list(everything), **everything)


def _doctor() -> Schema:
    check = object_(
        ["check", "level", "message", "hint"],
        check=TEXT, level={"enum": ["ok", "warning", "problem"]}, message=TEXT, hint=TEXT,
    )  # fmt: skip
    return object_(
        ["changed", "scope", "well", "checks"],
        changed={"const": False}, scope=SCOPE, well=YES_OR_NO, checks=array(check),
    )  # fmt: skip


def _version() -> Schema:
    daemon = object_(["daemon", "api"], daemon=TEXT, api=COUNT)
    return object_(["client", "python"], client=TEXT, python=TEXT, system=daemon, user=daemon)


def _applied() -> Schema:
    app = object_(
        ["file", "reference", "id", "actions", "changed"],
        file=TEXT, reference=TEXT, id=TEXT, changed=YES_OR_NO,
        actions=array({"enum": ["install", "update", "hold", "unhold"]}),
    )  # fmt: skip
    return document(dry_run=YES_OR_NO, apps=array(app), removed=array(TEXT))


def _event() -> Schema:
    """A line of `monitor`: which keys it has, its `event` says."""
    properties = {
        snake(name): _value(item.signature, item.keys)
        for name, item in _XML[_JOB].properties.items()
        if name in JOB_FACTS
    }
    events = ["daemon", "job", "apps-changed", "updates-changed", "remotes-changed", "end"]
    lists = {"ids": array(TEXT), "names": array(TEXT)}
    return object_(
        ["time", "event"],
        time=COUNT, event={"enum": events}, scope=SCOPE, running=YES_OR_NO, number=COUNT, error=error(),
        **lists, **properties,
    )  # fmt: skip


def _progress() -> Schema:
    return object_(
        ["state", "stage", "percent"],
        state=TEXT, stage=TEXT, title=TEXT, percent={"type": "integer", "minimum": -1, "maximum": 100},
        bytes_done=COUNT, bytes_total=COUNT, bytes_reused=COUNT,
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
