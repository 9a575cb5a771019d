# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The INI dialect of the administrator's files: one section, and nothing that anybody has to guess.

Pure. Guarantees: another section, a key given twice, a line without a key and what is no UTF-8 are errors.
Which keys there are, and what their values mean, is left to who reads.
"""

import configparser
import re


class IniError(ValueError):
    """What is wrong with a file, and in which line; 0 where that is no line's fault."""

    def __init__(self, what: str, line: int = 0) -> None:
        self.line = line
        super().__init__(what)


class _Strict(configparser.ConfigParser):
    """No interpolation, no defaults, no change of case, nothing behind a section's name."""

    SECTCRE = re.compile(r"\[(?P<header>[^]]+)\]\s*$")

    def __init__(self) -> None:
        super().__init__(
            strict=True,
            interpolation=None,
            delimiters=("=",),
            comment_prefixes=("#", ";"),
            default_section="\n",  # a name that no file can give
            empty_lines_in_values=False,
        )

    def optionxform(self, optionstr: str) -> str:
        return optionstr


def read_section(data: bytes, section: str) -> dict[str, str]:
    """The settings of a file whose one section is that. Raises IniError."""
    parser = _Strict()
    try:
        parser.read_string(data.decode("utf-8"))
    except (UnicodeDecodeError, configparser.Error) as error:
        raise IniError(f"this is no INI file: {' '.join(str(error).split())}", _line(error)) from error
    if parser.sections() != [section]:
        raise IniError(f"it must have one section, [{section}]")
    return dict(parser[section])


def line_of(data: bytes, key: str) -> int:
    """The number of the line in which a key is set, from 1; 0 where there is none."""
    lines = data.decode("utf-8", "replace").splitlines()
    found = (number for number, line in enumerate(lines, 1) if line.partition("=")[0].strip() == key)
    return next(found, 0)


def _line(error: Exception) -> int:
    """Where the library says that it is: all lines that it did not understand, or the one."""
    several = getattr(error, "errors", None)
    return int(several[0][0]) if several else int(getattr(error, "lineno", 0) or 0)
