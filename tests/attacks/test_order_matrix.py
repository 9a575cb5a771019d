# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""R9 as a matrix: rollback, freeze, clock and downgrade, each run through the jobs and the sentence.

A case is a script; all its steps but the last must go well, and the last ends as the case says: with that
error and nothing changed, or with that image installed. What signers signed, and when, the script tells; that
gpg agrees is shown by test_order_cli.py. Days are counted from the release, and today is day 30.

    push a@5 s7 to 2    publish image `a`, created on day 5, signed on day 7, as tag 2 (else 1)
    twin a@5            the same image in another packing: another manifest, the same config
    install 2           of that tag; `install a` is by the digest of `a`
    update+             a downgrade is allowed; & is in the background, ! is a reinstall
"""

import asyncio
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from appctld.errors import AppctlError, Expired, RepoCorrupt, Rollback, SignatureInvalid
from appctld.jobs.requests import CheckUpdates, Install, Uninstall, Update
from appctld.jobs.requests import Rollback as GoBack
from appctld.model.jsonvalue import get_objects
from appctld.model.manifest import Platform
from appctld.pipeline.images import verify
from appctld.state.records import installed
from appctld.trust.clock import RELEASED, date
from appctld.trust.evidence import Evidence
from appctld.trust.verdict import Signer, Verdict
from support.workers.inline import digest_of, layer_of
from support.worlds.world import BASE, Yard

APP = "org.acme.Hello"
DAY = 86_400


@dataclass(frozen=True)
class Case:
    """`ends` is an error, or the name of the image that is installed in the end ("": none)."""

    id: str
    what: str
    script: str
    ends: type[AppctlError] | str


CASES = [
    # rollback, told by the image's own date
    Case("older", "a tag goes back to an image that was never here",
         "push b@2; install; push a@1; update", Rollback),
    Case("older-install", "the same, asked for by hand", "push b@2; install; push a@1; install", Rollback),
    Case("replaced", "a tag goes back to what it was",
         "push a@1; install; push b@2; update; push a@1; update", Rollback),
    Case("same-time", "another image of the very same time",
         "push a@2; install; push b@2; update", Rollback),
    Case("newer", "a newer image", "push a@1; install; push b@2; update", "b"),
    Case("same", "the same image again", "push a@1; install; push a@1; update", "a"),
    Case("twin", "the same content, packed in another way", "push a@1; install; twin a@1; update", "a"),
    Case("twin-old", "replaced content, packed in another way",
         "push a@1; install; push b@2; update; twin a@1; update", Rollback),
    Case("resigned", "an old image that is signed again today",
         "push b@2 s2; install; push a@1 s30; update", Rollback),
    # by the signature's, where the image has none
    Case("signed-older", "signed before what is installed",
         "push b s5; install; push a s4; update", Rollback),
    Case("signed-same", "signed in the same second", "push a s5; install; push b s5; update", Rollback),
    Case("signed-newer", "signed later", "push a s5; install; push b s6; update", "b"),
    Case("signed-again", "a replaced image whose signature is new",
         "push a s5; install; push b s6; update; push a s30; update", Rollback),
    Case("newest-old-signature", "the newest, shown with an older signature of it",
         "push a s5; install; uninstall; push a s1; install", "a"),
    Case("placeholder", "a date that build tools write for none does not count",
         "push a@1970 s5; install; push b@1970 s6; update", "b"),
    Case("placeholder-older", "and who signed it does",
         "push b@1970 s6; install; push a@1970 s5; update", Rollback),
    # by nobody
    Case("no-time", "without dates an unknown image is taken", "push b; install; push a; update", "a"),
    Case("no-time-replaced", "and a replaced one is not",
         "push a; install; push b; update; push a; update", Rollback),
    Case("no-time-twin", "nor its content in another packing",
         "push a; install; push b; update; twin a; update", Rollback),
    Case("no-time-between", "an image without a date does not lower what dates told",
         "push b@2; install; push x; update; push a@1; update", Rollback),
    # one ID by several ways
    Case("other-tag", "an older image under another tag",
         "push b@2; install; push a@1 to 2; install 2", Rollback),
    Case("other-tag-newer", "a newer image under another tag",
         "push a@1; install; push b@2 to 2; install 2", "b"),
    Case("by-digest", "an older image by its digest", "push a@1; push b@2; install; install a", Rollback),
    Case("other-arch", "an older image for another architecture",
         "push b@2; install; arch arm64; push a@1; install", Rollback),
    Case("uninstalled", "uninstalled, and an older one installed",
         "push b@2; install; uninstall; push a@1; install", Rollback),
    Case("reinstalled", "uninstalled, and the same installed",
         "push b@2; install; uninstall; install", "b"),
    Case("renamed", "the remote removed, and added under another name",
         "push b@2; install; uninstall; rename; push a@1; install", Rollback),
    Case("renamed-newer", "the same with the newest", "push b@2; install; uninstall; rename; install", "b"),
    Case("moved", "the remote's URL modified",
         "push b@2; install; uninstall; move; push a@1; install", Rollback),
    Case("moved-newer", "the same with a newer one",
         "push a@1; install; uninstall; move; push b@2; install", "b"),
    # what is installed, and what is kept
    Case("kept", "back to what is kept, and forward",
         "push a@1; install; push b@2; update; back; update", "b"),
    Case("kept-older", "back to what is kept, and then something between the two",
         "push a@1; install; push c@3; update; back; push b@2; update", Rollback),
    Case("kept-reinstall", "what somebody went back to can be deployed again",
         "push a@1; install; push b@2; update; back; push a@1; install!", "a"),
    Case("kept-background", "background updates leave alone what was left",
         "push a@1; install; push b@2; update; back; update&", "a"),
    # freeze
    Case("fresh", "a signature within max-age", "max-age 10d; push a@1 s20; install", "a"),
    Case("stale", "a signature older than max-age", "max-age 10d; push a@1 s19; install", Expired),
    Case("frozen", "the installed image, shown for too long",
         "max-age 10d; push a@1 s25; install; day 40; update", Expired),
    Case("frozen-downgrade", "which no downgrade excuses",
         "max-age 10d; push a@1 s25; install; day 40; update+", Expired),
    Case("unfrozen", "the same image, signed again",
         "max-age 10d; push a@1 s25; install; day 40; push a@1 s39; update", "a"),
    Case("unfreezable", "no signature tells a time", "max-age 10d; push a@1; install", Expired),
    # clock
    Case("clock-install", "a clock from before the release", "push a@1; day -1; install", Expired),
    Case("clock-update", "the same at an update", "push a@1; install; push b@2; day -1; update", Expired),
    Case("clock-check", "the same at a check", "push a@1; install; push b@2; day -1; check", Expired),
    Case("clock-downgrade", "which no downgrade excuses", "push a@1; day -1; install+", Expired),
    Case("future", "an image from the day after tomorrow", "push a@32; install", SignatureInvalid),
    Case("future-downgrade", "which no downgrade excuses", "push a@32; install+", SignatureInvalid),
    Case("future-unseen", "and which orders nothing",
         "push a@1; install; push z@32; fails update; push b@2; update", "b"),
    Case("tomorrow", "a publisher whose clock is a little fast", "push a@31; install", "a"),
    # the allowed downgrade
    Case("allowed", "an older image that was allowed", "push b@2; install; push a@1; update+", "a"),
    Case("allowed-install", "the same at an install", "push b@2; install; push a@1; install+", "a"),
    Case("allowed-once", "it is not allowed the next time",
         "push b@2; install; push a@1; update+; push b@2; update; push a@1; update", Rollback),
    Case("allowed-lowers-nothing", "something between the two is still older",
         "push c@3; install; push a@1; update+; push b@2; update", Rollback),
    Case("allowed-forward", "the newest is taken again",
         "push b@2; install; push a@1; update+; push b@2; update", "b"),
    Case("allowed-background", "but not in the background",
         "push b@2; install; push a@1; update+; push b@2; update&", "a"),
    Case("allowed-background-newer", "there only something newer is",
         "push b@2; install; push a@1; update+; push c@3; update&", "c"),
    Case("allowed-uninstalled", "nor does it hold once it is uninstalled",
         "push b@2; install; push a@1; update+; uninstall; install", Rollback),
    # records
    Case("damaged", "a record that cannot be read",
         "push a@1; install; damage; push b@2; update", RepoCorrupt),
    Case("damaged-downgrade", "which no downgrade excuses",
         "push a@1; install; damage; push b@2; update+", RepoCorrupt),
    Case("preview", "what was only looked at was not seen", "push b@2; look; push a@1; install", "a"),
]  # fmt: skip


class Scene:
    """A yard in which a script is played."""

    def __init__(self, yard: Yard, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.yard = yard
        self.directory = directory
        self.today = 30
        self.remote, self.host = "acme", "acme.example"
        self.arch = "amd64"
        self.images: dict[str, str] = {}
        self.signed: dict[str, int] = {}
        monkeypatch.setattr(verify, "judge", self.judge)
        yard.tools = replace(yard.tools, now=lambda: RELEASED + self.today * DAY)
        self.configure("acme")

    async def judge(self, evidence: Evidence, **_question: object) -> Verdict:
        """What the script says about signatures."""
        time = self.signed.get(str(evidence.digest))
        signers = (Signer("A" * 40, "Acme", time),) if time else ()
        return Verdict("gpg", signers, tag_bound=True, checked_at=RELEASED)

    def configure(self, name: str, max_age: str = "") -> None:
        """Write the remote's file."""
        place = self.directory / "remotes.d"
        for path in place.glob("*"):
            path.unlink()
        more = f"max-age = {max_age}\n" if max_age else ""
        (place / f"{name}.conf").write_text(f"[remote]\nurl = https://{self.host}/x\n{more}")
        (place / f"{name}.gpg").write_bytes(b"keys")

    def play(self, step: str) -> None:
        """One step."""
        word, *rest = step.split()
        action = re.match(r"[a-z-]+", word)[0].replace("-", "_")  # type: ignore[index]
        options = {"allow-downgrade": "+" in word, "reinstall": "!" in word, "background": "&" in word}
        getattr(self, f"do_{action}")(options, *rest)

    def do_push(self, _options: object, image: str, *more: str) -> None:
        name, _, day = image.partition("@")
        created = date(RELEASED + int(day) * DAY) if day else ""
        if day == "1970":
            created = "1970-01-01T00:00:00Z"
        tag = more[-1] if "to" in more else "1"
        labels = {"org.opencontainers.image.version": name, "org.appctl.id": APP}
        tree = layer_of({"version": name.encode()})
        digest = self.yard.registry.push(tag, [BASE, tree], created=created, arch=self.arch, Labels=labels)
        self.images[name] = digest
        self._sign(digest, more)

    def do_twin(self, options: object, image: str, *more: str) -> None:
        self.do_push(options, image, *more)
        self.yard.registry.change("1", annotations={"packed": "again"})
        self._sign(digest_of(self.yard.registry.tags["1"]), more)

    def _sign(self, digest: str, words: tuple[str, ...]) -> None:
        for word in words:
            if re.fullmatch(r"s\d+", word):
                self.signed[digest] = RELEASED + int(word[1:]) * DAY

    def do_install(self, options: dict[str, object], which: str = "1") -> None:
        end = f"@{self.images[which]}" if which in self.images else f":{which}"
        self.yard.do(Install((f"{self.host}/x/hello{end}",), options))

    def do_look(self, _options: object) -> None:
        self.yard.plan(f"{self.host}/x/hello:1", self.yard.book.get(self.remote))

    def do_update(self, options: dict[str, object]) -> None:
        self.yard.do(Update((APP,), options))

    def do_check(self, _options: object) -> None:
        """A check hides no app behind another's failure: it tells it."""
        (update,) = get_objects(self.yard.do(CheckUpdates()), "updates")
        if update["error"] == "Expired":
            raise Expired(str(update["message"]))

    def do_fails(self, options: dict[str, object], word: str) -> None:
        with pytest.raises(AppctlError):
            self.play(word)

    def do_uninstall(self, _options: object) -> None:
        self.yard.do(Uninstall((APP,)))

    def do_back(self, _options: object) -> None:
        self.yard.do(GoBack(APP))

    def do_rename(self, _options: object) -> None:
        asyncio.run(self.yard.book.remove(self.remote))
        self.remote = "renamed"
        self.configure("renamed")

    def do_move(self, _options: object) -> None:
        self.host = "moved.example"
        asyncio.run(self.yard.book.modify(self.remote, {"url": f"https://{self.host}/x"}))

    def do_arch(self, _options: object, arch: str) -> None:
        self.arch = arch
        self.yard.tools = replace(self.yard.tools, platform=Platform("linux", arch))

    def do_max_age(self, _options: object, age: str) -> None:
        self.configure(self.remote, age)

    def do_day(self, _options: object, day: str) -> None:
        self.today = int(day)

    def do_damage(self, _options: object) -> None:
        for path in self.yard.paths.seen.glob("*/id-*.json"):
            path.write_text("?")

    def here(self) -> str:
        """The version that is current; empty without."""
        app = installed(self.yard.paths).get(APP)
        return app.current.version if app else ""

    def seen(self) -> list[object]:
        """Every record."""
        return [json.loads(path.read_text()) for path in sorted(self.yard.paths.seen.glob("*/*.json"))]


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(Yard(tmp_path), tmp_path, monkeypatch)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_the_order_of_images(scene: Scene, case: Case) -> None:
    *before, last = [step.strip() for step in case.script.split(";")]
    for step in before:
        scene.play(step)
    if isinstance(case.ends, str):
        scene.play(last)
        assert scene.here() == case.ends, case.what
        return
    known = (scene.here(), [] if "damage" in before else scene.seen())
    with pytest.raises(AppctlError) as caught:
        scene.play(last)
    assert type(caught.value) is case.ends, case.what
    assert "downgrade" not in caught.value.advice
    assert known == (scene.here(), [] if "damage" in before else scene.seen())


def test_the_matrix_is_whole() -> None:
    assert len({case.id for case in CASES}) == len(CASES) >= 30
