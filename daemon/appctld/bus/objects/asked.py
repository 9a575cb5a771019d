# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a call names: checked and frozen before anybody is asked, and told to polkit as a few short texts.

Guarantees: references, IDs, digests and names of remotes have their grammar, so that no detail of a question
holds a blank, a line or a sentence that the caller made up; what is asked for and what is told are bounded.
Whether a thing exists is left to the rooms below.
"""

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType

from appctld.bus.objects.texts import check_text, check_texts
from appctld.config.directory import is_layout, parse_layout
from appctld.config.lookup import check_reference
from appctld.config.publisherfile import check_address, is_address
from appctld.config.remote import VERIFY, VERIFY_OSTREE, check_name
from appctld.config.repository import is_repository, parse_repository
from appctld.config.urls import parse_prefix, parse_url
from appctld.errors import InvalidReference, LimitExceeded
from appctld.model.appid import is_app_id

AT_ONCE = 32  # references or IDs of one call: as many as a user may have unfinished jobs
IDS = 1000  # of those that an option names: one that is not installed has its line in a job's result (1 MiB)
REFS_BYTES = 8 << 10  # of all of them: 32 IDs of the greatest length; a job on the bus shows them all
TERM_LENGTH = 200  # nobody types more, and each word of it is looked for in every text
URL_LENGTH = 1024  # as for a reference
OPTIONS_BYTES = 64 << 10  # logins with the tokens of a dozen registries; kept until the job ends
DETAIL_BYTES = 1024  # of one detail of polkit's question: a dialog shows it, a rule reads it

UNKNOWN = "-"  # in a detail; no remote has that name, so that no rule about remotes takes it for one

Options = Mapping[str, object]


def references(texts: Collection[str]) -> tuple[str, ...]:
    """The same references, which may begin with a remote's name. Raises InvalidReference, LimitExceeded."""
    _check_number(texts)
    for text in texts:
        check_reference(text)
    return tuple(texts)


def file_address(text: str) -> str:
    """The address of a publisher's file; empty for what is none. Raises InvalidReference for a bad one."""
    if not is_address(text):
        return ""
    if len(text) > URL_LENGTH:
        raise InvalidReference(f"a URL of {len(text)} characters")
    return check_address(text)


def app_ids(texts: Collection[str], *, least: int = 1) -> tuple[str, ...]:
    """The same IDs. Raises InvalidReference, LimitExceeded."""
    _check_number(texts, least)
    for text in texts:
        if not is_app_id(text):
            raise InvalidReference(f"{text[:80]!a} is no application ID (org.example.App)")
    return tuple(texts)


def remote_names(texts: Collection[str]) -> tuple[str, ...]:
    """The same names of remotes. Raises InvalidReference, LimitExceeded."""
    _check_number(texts, least=0)
    for text in texts:
        check_name(text)
    return tuple(texts)


def search_term(text: str) -> str:
    """What somebody looks for. Raises InvalidReference, LimitExceeded."""
    check_text("term", text)
    term = " ".join(text.split())
    if not term:
        raise InvalidReference("nothing is looked for", hint="appctl search --help")
    if len(term) > TERM_LENGTH:
        raise LimitExceeded(f"a term of {len(term)} characters, {TERM_LENGTH} are allowed")
    return term


def frozen(options: Options) -> Options:
    """A copy that nobody can change between polkit's answer and the work. Raises as `references`."""
    if _bytes(options) > OPTIONS_BYTES:
        raise LimitExceeded(f"options of more than {OPTIONS_BYTES} bytes")
    ids = options.get("ids")
    if isinstance(ids, list | tuple) and len(ids) > IDS:
        raise LimitExceeded(f"{len(ids)} are named at once, {IDS} are allowed")
    check_texts(options)
    return MappingProxyType({key: _frozen_value(value) for key, value in options.items()})


def check_remote(name: str, settings: Mapping[str, str]) -> None:
    """Raise InvalidReference unless what polkit is told about a remote has its grammar; empty is none."""
    check_name(name)
    url, prefix, verify = (settings.get(key, "") for key in ("url", "prefix", "verify"))
    if len(url) > URL_LENGTH:
        raise InvalidReference(f"a URL of {len(url)} characters")
    if len(prefix) > URL_LENGTH:
        raise InvalidReference(f"a prefix of {len(prefix)} characters")
    if prefix:
        parse_prefix(prefix, f"prefix={prefix}")
    if is_layout(url):
        parse_layout(url)
    elif is_repository(url):
        parse_repository(url)
    elif url:
        parse_url(
            url, insecure=True
        )  # whether plain HTTP is allowed is for the remote's other settings to say
    if verify not in {"", *VERIFY, *VERIFY_OSTREE}:
        raise InvalidReference(f"verify: it is one of {', '.join(dict.fromkeys((*VERIFY, *VERIFY_OSTREE)))}")


def summary(rows: Iterable[tuple[str, str, str]], digest: object = "") -> Mapping[str, str]:
    """Details of several (reference, remote, verify): each value once, in the order of the call."""
    columns = [tuple(dict.fromkeys(column)) for column in zip(*rows, strict=True)] or [(), (), ()]
    reference, remote, verify = map(_joined, columns)
    return details(reference=reference, remote=remote, verify=verify, digest=str(digest))


def details(
    *, remote: str = "", reference: str = "", verify: str = "", digest: str = ""
) -> Mapping[str, str]:
    """What polkit is told."""
    return MappingProxyType({"remote": remote, "reference": reference, "digest": digest, "verify": verify})


def _joined(words: Collection[str]) -> str:
    """As many words as a detail holds; `(+3)` says that three are missing, so that no rule trusts a part."""
    kept: list[str] = []
    room = DETAIL_BYTES - len("(+99999)")
    for word in words:
        room -= len(word.encode()) + 1
        if room < 0:
            return " ".join([*kept, f"(+{len(words) - len(kept)})"])
        kept.append(word)
    return " ".join(kept)


def _check_number(texts: Collection[str], least: int = 1) -> None:
    if len(texts) < least:
        raise InvalidReference("nothing is named")
    if len(texts) > AT_ONCE:
        raise LimitExceeded(f"{len(texts)} are named at once, {AT_ONCE} are allowed")
    if sum(len(text.encode()) for text in texts) > REFS_BYTES:
        raise LimitExceeded(f"what is named at once has more than {REFS_BYTES} bytes")


def _frozen_value(value: object) -> object:
    if isinstance(value, Mapping):
        return MappingProxyType({key: _frozen_value(item) for key, item in value.items()})
    return tuple(map(_frozen_value, value)) if isinstance(value, list) else value


def _bytes(value: object) -> int:
    if isinstance(value, Mapping):
        return sum(_bytes(key) + _bytes(item) for key, item in value.items())
    if isinstance(value, list):
        return sum(map(_bytes, value))
    return len(value.encode()) if isinstance(value, str) else 8  # the largest number
