# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A command line is read by the specification's rules, and what we write GLib reads as it was meant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appctld.workers.store.exports.desktop.execline import ARGUMENTS, LENGTH, Argument, parse, through, write
from appctld.workers.store.exports.exporter import Exporter, Refused
from support.gio import shell_words

APP = Exporter("org.acme.Editor", ("/opt/app ctl/appctl", "--user", "run"))
PLAIN = Exporter("org.acme.Editor", ("/usr/bin/appctl", "--user", "run"))
READ = [
    ("editor", [Argument("editor")]),
    ("  editor   --new ", [Argument("editor"), Argument("--new")]),
    ("editor %f", [Argument("editor"), Argument("", "f")]),
    ('editor "%U"', [Argument("editor"), Argument("", "U")]),
    ("editor --open=%u.x", [Argument("editor"), Argument("--open=", "u", ".x")]),
    ("editor %i %c %k", [Argument("editor"), Argument("", "i"), Argument("", "c"), Argument("", "k")]),
    ("editor %d %D %n %N %v %m -%v-", [Argument("editor"), Argument("--")]),
    ("editor 100%% %%f", [Argument("editor"), Argument("100%"), Argument("%f")]),
    ('"/opt/my editor/run" ""', [Argument("/opt/my editor/run"), Argument("")]),
    (r'editor "a \"b\" \\ \$c \`d"', [Argument("editor"), Argument(r'a "b" \ $c `d')]),
    ('editor "a;b|c>d&e\'f"', [Argument("editor"), Argument("a;b|c>d&e'f")]),
    ("env LANG=C editor", [Argument("env"), Argument("LANG=C"), Argument("editor")]),
    ("ed[1]{a,b}!^ é", [Argument("ed[1]{a,b}!^"), Argument("é")]),
]
REFUSED = [
    "",
    "   ",
    '""',
    "%f",
    "%d",
    "%d%n",
    "LANG=C editor",
    "editor & xterm",
    "editor&",
    "editor; xterm",
    "editor | sh",
    "editor > /etc/passwd",
    "editor < /etc/passwd",
    "editor $HOME",
    "editor `id`",
    "editor $(id)",
    "editor ~",
    "editor *",
    "editor ?",
    "editor #x",
    "editor (x)",
    "sh -c 'editor %f'",
    r"editor a\ b",
    'editor "a',
    'editor "a"b',
    'editor a"b"',
    'editor "a$b"',
    'editor "a`b"',
    r'editor "a\b"',
    r'editor "a\"',
    'editor "--open=%u"',
    "editor {a,b}%f",
    "editor %u[a-z]",
    "editor \u00e9=%f",
    "editor %f\u3000@@",
    "editor --files=%F",
    "editor %F.x",
    "editor --icon=%i",
    "editor %f %u",
    "editor %U %U",
    "editor --a=%f%f",
    "editor %",
    "editor a%",
    "editor %x",
    "editor %é",
    "ed%f",
    "editor\teditor",
    "editor\nxterm",
    "editor \x1b",
    "editor \u202e",
    "editor" + " a" * ARGUMENTS,
    "e" * (LENGTH + 1),
]


@pytest.mark.parametrize(("line", "arguments"), READ)
def test_a_command_line_is_a_program_and_its_arguments(line: str, arguments: list[Argument]) -> None:
    assert parse(line, codes=True) == arguments
    assert parse(write(arguments, codes=True), codes=True) == arguments


@pytest.mark.parametrize("line", REFUSED)
def test_a_line_for_a_shell_or_without_meaning_is_refused(line: str) -> None:
    with pytest.raises(Refused):
        parse(line, codes=True)


def test_as_many_arguments_as_allowed_are_read() -> None:
    assert len(parse("editor" + " a" * (ARGUMENTS - 1), codes=True)) == ARGUMENTS
    assert parse("e" * LENGTH, codes=True)


def test_where_there_are_no_field_codes_a_per_cent_sign_is_one() -> None:
    arguments = [Argument("editor"), Argument("%f"), Argument("100%")]

    assert parse("editor %f 100%", codes=False) == arguments
    assert write(arguments, codes=False) == "editor %f 100%"


def test_our_command_starts_the_app_and_gives_the_rest_to_it() -> None:
    ours = write(through(APP, parse('editor --system "a b"', codes=True)), codes=True)

    assert ours == '"/opt/app ctl/appctl" --user run --command=editor org.acme.Editor -- --system "a b"'


def test_files_to_open_are_marked_where_run_can_bring_them_in() -> None:
    def words(line: str) -> str:
        return write(through(PLAIN, parse(line, codes=True)), codes=True).partition("run ")[2]

    rest = "--command=ed --file-forwarding org.acme.Editor --"
    assert words("ed %f") == f"{rest} @@ %f @@"
    assert words("ed -x %F y") == f"{rest} -x @@ %F @@ y"
    assert words("ed %u") == f"{rest} @@u %u @@"
    assert words("ed %U") == f"{rest} @@u %U @@"
    assert words("ed --open=%u") == "--command=ed org.acme.Editor -- --open=%u"
    assert words("ed %c @@") == "--command=ed org.acme.Editor -- %c @@"


@pytest.mark.parametrize("mark", ["@@", "@@u"])
def test_no_argument_of_the_publishers_marks_files(mark: str) -> None:
    with pytest.raises(Refused):
        through(PLAIN, parse(f"ed {mark} /etc/passwd %f", codes=True))


def test_no_name_of_the_publishers_marks_files() -> None:
    """`%c` is what a translation says, on the machine of who starts it."""
    ours = through(PLAIN, parse("ed %c .ssh/key %U", codes=True), "An Editor")
    assert write(ours, codes=True).endswith('-- "An Editor" .ssh/key @@u %U @@')
    with pytest.raises(Refused):
        through(PLAIN, parse("ed %c .ssh/key %U", codes=True), "@@")


@pytest.mark.parametrize("text", ["{a,b}", "[a-z]", "!x", "a\u00a0@@", "a\u3000@@", "\u00e9", "^", ""])
def test_what_some_desktop_may_cut_or_ask_a_shell_about_is_quoted(text: str) -> None:
    assert write([Argument(text)], codes=True) == f'"{text}"'


texts = st.text(st.sampled_from("ab=é \"'$`%;&|<>*?#~()fU"), max_size=12)


@given(st.lists(texts, max_size=8))
def test_arguments_are_read_as_they_were_written(items: list[str]) -> None:
    arguments = [Argument("editor"), *map(Argument, items)]

    assert parse(write(arguments, codes=True), codes=True) == arguments
    assert parse(write(arguments, codes=False), codes=False) == arguments


def test_glib_cuts_what_is_written_into_the_same_words() -> None:
    ugly = [f"{one}{other}" for one in "a \"\\'$`;#~" for other in " \"\\'$`;#~"]
    lines = [["editor", *ugly[at : at + 9], ""] for at in range(0, len(ugly), 9)]

    assert shell_words([write(map(Argument, words), codes=False) for words in lines]) == lines
