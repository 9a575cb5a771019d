# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Flatpak's images through the sentence: which ID they get, what run.json says, what is refused."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest

from appctld.errors import AppctlError, BadManifest, Conflict, ContentMismatch, NeedsApproval, NotFound
from appctld.jobs.audit.differences import differences
from appctld.jobs.audit.kept import kept
from appctld.model.flatpak.labels import REF
from appctld.model.flatpak.ref import parse_ref
from appctld.model.image import METADATA
from appctld.model.jsonvalue import JsonObject
from appctld.pipeline.admission.runtimes import stands_on
from appctld.state.records import Record, installed
from support.workers.inline import layer_of
from support.worlds.flatpaks import EDITOR, LOCALE, PLATFORM, metadata, publish, reference
from support.worlds.world import World, trusting

PLAIN = "acme.example/x/plain:plain"
EXTENSIONS = """[Extension org.acme.Platform.Locale]
directory=share/locale
versions=45;44
"""


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A platform and an editor on it are published."""
    world = World(tmp_path)
    publish(world.registry, PLATFORM, metadata(PLATFORM, EXTENSIONS + "[Environment]\nA=b\nHOME=/x\n"))
    publish(world.registry, EDITOR)
    return world


def record(world: World, app_id: str) -> Record:
    """What is current."""
    return installed(world.paths)[app_id].current


def run_file(world: World, app_id: str) -> JsonObject:
    """Its run.json, after a look at whether an audit expects the same."""
    path = world.paths.app(app_id) / record(world, app_id).deployment
    found: JsonObject = json.loads((path / "run.json").read_bytes())
    looked = asyncio.run(kept(path, world.tools))
    assert looked.run() == found
    assert differences(looked) == []
    return found


def refuses(world: World, error: type[AppctlError], name: str, says: str | None = None) -> None:
    """It is not installed, and nothing else is changed."""
    before = installed(world.paths)
    with pytest.raises(error, match=says) as caught:
        world.install(name)
    assert type(caught.value) is error
    assert installed(world.paths) == before


def test_a_runtime_and_the_app_on_it_are_installed_under_their_ids(world: World) -> None:
    world.install(reference(PLATFORM))
    world.install(reference(EDITOR))
    assert set(installed(world.paths)) == {"org.acme.Editor", "org.acme.Platform._45"}
    assert record(world, EDITOR.id).flatpak_ref == str(EDITOR)
    assert record(world, EDITOR.id).runtime == str(PLATFORM)
    assert record(world, EDITOR.id).version == "stable"
    assert (record(world, PLATFORM.id).flatpak_ref, record(world, PLATFORM.id).runtime) == (str(PLATFORM), "")


def test_an_apps_run_file_names_its_runtime(world: World) -> None:
    world.install(reference(PLATFORM))
    world.install(reference(EDITOR))
    assert run_file(world, EDITOR.id) == {
        "format": 1,
        "id": "org.acme.Editor",
        "version": "stable",
        "entrypoint": ["editor"],
        "cmd": [],
        "env": {},
        "cwd": "/",
        "permissions": [],
        "runtime": "org.acme.Platform._45",
        "runtime-ref": str(PLATFORM),
        "app": "files",
        "app-ref": str(EDITOR),
        "extensions": [],
    }


def test_a_runtimes_run_file_says_what_becomes_usr(world: World) -> None:
    world.install(reference(PLATFORM))
    found = run_file(world, PLATFORM.id)
    extensions = found.pop("extensions")
    assert found == {
        "format": 1,
        "id": "org.acme.Platform._45",
        "version": "45",
        "entrypoint": [],
        "cmd": [],
        "env": {"A": "b"},
        "cwd": "/",
        "permissions": [],
        "runtime": "",
        "kind": "runtime",
        "runtime-ref": str(PLATFORM),
        "usr": "files",
    }
    assert isinstance(extensions, list)
    assert [(one["id"], one["at"]) for one in extensions if isinstance(one, dict)] == [
        ("org.acme.Platform.Locale._45", "/usr/share/locale"),
        ("org.acme.Platform.Locale._44", "/usr/share/locale"),
    ]


def test_an_extension_is_installed_like_a_runtime(world: World) -> None:
    publish(world.registry, LOCALE)
    world.install(reference(LOCALE))
    assert run_file(world, "org.acme.Platform.Locale._45")["kind"] == "runtime"


def _push_plain(world: World, text: str, labels: dict[str, str], env: tuple[str, ...] = ()) -> None:
    tree = layer_of({"app/": None, "app/metadata": text.encode(), "usr/": None})
    world.registry.push("plain", [tree], Labels=labels, Env=[*env])


def test_a_plain_image_may_stand_on_a_runtime(world: World) -> None:
    text = metadata(EDITOR, "[Extension org.acme.Extra]\ndirectory=x\n")
    _push_plain(world, text, {METADATA: text}, ("PATH=/opt/bin", "B=c"))
    refuses(world, NotFound, PLAIN, "needs runtime org.acme.Platform/x86_64/45")
    world.install(reference(PLATFORM))
    world.install(PLAIN)
    found = run_file(world, EDITOR.id)
    assert (found["runtime"], found["app"], found["app-ref"]) == (
        PLATFORM.id,
        "app",
        "app/org.acme.Editor/x86_64/stable",
    )
    assert found["env"] == {"B": "c"}
    assert "org.acme.Extra.stable" in json.dumps(found["extensions"])


def test_an_app_whose_file_alone_names_a_runtime_is_installed_without_it(world: World) -> None:
    _push_plain(world, metadata(EDITOR), {})
    world.install(PLAIN)
    app_id = "example.acme.x.plain"
    assert run_file(world, app_id)["runtime"] == PLATFORM.id
    assert record(world, app_id).runtime == str(PLATFORM)


def test_a_plain_image_may_be_a_runtime(world: World) -> None:
    _push_plain(world, metadata(PLATFORM, EXTENSIONS), {REF: str(PLATFORM)})
    world.install(PLAIN)
    found = run_file(world, PLATFORM.id)
    assert (found["kind"], found["usr"]) == ("runtime", "usr")
    assert "org.acme.Platform.Locale._45" in json.dumps(found["extensions"])


def test_a_plain_runtime_needs_no_metadata(world: World) -> None:
    world.registry.push("plain", [layer_of({"usr/": None})], Labels={REF: str(PLATFORM)})
    world.install(PLAIN)
    assert run_file(world, PLATFORM.id)["extensions"] == []


@pytest.mark.parametrize("ref", [PLATFORM, EDITOR])
def test_a_tree_that_says_else_than_its_label_is_refused(world: World, ref: object) -> None:
    ref = parse_ref(str(ref))
    world.install(reference(PLATFORM))
    publish(world.registry, ref, found=metadata(ref) + "# more\n", tag="lie")
    refuses(world, ContentMismatch, f"acme.example/x/{ref.name.lower()}:lie", "metadata file")


def test_only_the_file_at_the_top_counts_in_flatpaks_form(world: World) -> None:
    world.install(reference(PLATFORM))
    text = metadata(EDITOR)
    tree = layer_of({"app/": None, "app/metadata": text.encode(), "metadata": b"[Application]\n"})
    world.registry.push("lie", [tree], Labels={REF: str(EDITOR), "org.flatpak.metadata": text})
    refuses(world, ContentMismatch, "acme.example/x/org.acme.editor:lie")


@pytest.mark.parametrize(
    ("ref", "text", "error"),
    [
        (PLATFORM, metadata(EDITOR), BadManifest),
        (PLATFORM, "[Runtime]\nname=org.acme.Platform\nruntime=org.acme.Below/x86_64/1\n", BadManifest),
        (None, "[Application]\nruntime=rubbish\n", BadManifest),
        (None, metadata(EDITOR, "[Extension org.acme.X]\ndirectory=../x\n"), BadManifest),
        (EDITOR, metadata(EDITOR, "[Context]\nshared=network\n"), NeedsApproval),
    ],
)
def test_a_file_without_a_label_is_judged_before_it_is_deployed(
    world: World, ref: object, text: str, error: type[AppctlError]
) -> None:
    _push_plain(world, text, {} if ref is None else {REF: str(ref)})
    refuses(world, error, PLAIN)


def test_two_branches_of_one_id_are_not_taken_for_each_other(world: World) -> None:
    for branch, tag in (("1.0", "a"), ("1_0", "b")):
        publish(world.registry, parse_ref(f"runtime/org.acme.Platform/x86_64/{branch}"), tag=tag)
    world.install("acme.example/x/platform:a")
    refuses(world, Conflict, "acme.example/x/platform:b", "would take the ID")


def test_an_app_is_not_updated_to_a_runtime_nor_back(world: World) -> None:
    _push_plain(world, "[Application]\n", {"org.appctl.id": PLATFORM.id})
    world.install("acme.example/x/org.acme.platform:plain")
    refuses(world, Conflict, reference(PLATFORM), "would take the ID")


def test_another_branch_of_an_app_is_an_update(world: World) -> None:
    world.install(reference(PLATFORM))
    world.install(reference(EDITOR))
    beta = parse_ref("app/org.acme.Editor/x86_64/beta")
    publish(world.registry, beta, tag="beta")
    world.install("acme.example/x/org.acme.editor:beta")
    assert record(world, EDITOR.id).flatpak_ref == str(beta)


def test_a_runtime_of_another_remote_does_not_count(world: World) -> None:
    world.install(reference(PLATFORM, "other.example"), trusting("other"))
    refuses(world, NotFound, reference(EDITOR), "remote acme does not have")


def test_a_runtime_of_another_branch_does_not_count(world: World) -> None:
    publish(world.registry, parse_ref("runtime/org.acme.Platform/x86_64/44"), tag="44")
    world.install("acme.example/x/platform:44")
    refuses(world, NotFound, reference(EDITOR))


def test_ids_of_a_remote_are_for_runtimes_too(world: World) -> None:
    with pytest.raises(Conflict, match="may not install"):
        world.install(reference(PLATFORM), trusting("acme", ids="org.acme.Editor"))
    world.install(reference(PLATFORM), trusting("acme", ids="org.acme.*"))


def test_an_app_stands_on_its_own_remotes_runtime_else_on_whose_id_is_the_refs(world: World) -> None:
    world.install(reference(PLATFORM))
    world.install(reference(EDITOR))
    app, here = record(world, EDITOR.id), record(world, PLATFORM.id)
    beside = replace(here, id=PLATFORM.id_beside("other"), remote="other")
    assert stands_on(app, [beside, here]) == here
    assert stands_on(replace(app, remote="other"), [here, beside]) == beside
    assert stands_on(replace(app, remote="third"), [beside, here]) == here
    assert stands_on(replace(app, remote="third"), [beside]) is None
    assert stands_on(app, [replace(here, flatpak_ref="runtime/org.acme.Platform/x86_64/_45")]) is None
    assert stands_on(replace(app, runtime=""), [replace(here, flatpak_ref="")]) is None
