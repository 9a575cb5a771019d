# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""GLib's key files, strictly and in linear time (the standard library's parser is quadratic in blanks).

Guarantees: one pass, no group and no key twice, every line is a group, a key, a comment or empty.
"""

BLANKS = " \t\r"  # not what Unicode calls blank: GLib would read another key


class KeyfileError(ValueError):
    """A text that is no key file."""


def parse_keyfile(text: str) -> dict[str, dict[str, str]]:
    """Groups of keys and values, blanks around both removed (Desktop Entry specification, "Basic format")."""
    groups: dict[str, dict[str, str]] = {}
    group: dict[str, str] | None = None
    for line in text.split("\n"):
        if not line.strip(BLANKS) or line.startswith("#"):
            continue
        if line.startswith("["):
            group = _new_group(groups, line.rstrip(BLANKS))
            continue
        key, equals, value = line.partition("=")
        key = key.strip(BLANKS)
        if group is None or not equals or not key or key in group:
            raise KeyfileError("a line that is no key of a group, or stands there twice")
        group[key] = value.strip(BLANKS)
    return groups


def _new_group(groups: dict[str, dict[str, str]], line: str) -> dict[str, str]:
    name = line[1:-1]
    if not line.endswith("]") or not name or "[" in name or "]" in name or name in groups:
        raise KeyfileError("a group that has no name, or stands there twice")
    groups[name] = {}
    return groups[name]
