# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The commands of docs/key-rotation.md, taken from there and run: what they make is applied."""

import os
import re
import subprocess
from pathlib import Path

from support.signatures.keys import Keys
from support.signatures.rotation import Rotating

PAGE = Path(__file__).parents[2] / "docs" / "key-rotation.md"


def commands() -> list[str]:
    """The page's shell commands, block by block."""
    return re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text(), flags=re.MULTILINE | re.DOTALL)


def test_a_publisher_who_types_what_the_page_says_makes_an_update(tmp_path: Path, keys: Keys) -> None:
    keep, new = keys.make("keep"), keys.make("new")
    environment = {**os.environ, "GNUPGHOME": str(keys.home), "KEEP": keep, "NEW": new}
    script = "set -eu\n" + "".join(commands())
    subprocess.run(["bash", "-c", script], cwd=tmp_path, env=environment, check=True, timeout=60)
    yard = Rotating(tmp_path / "machine", keys)
    yard.trust("acme", keep)
    yard.apply((tmp_path / "acme.keyring-update").read_bytes())
    assert yard.remote().fingerprints == {keep, new}


def test_the_page_has_commands() -> None:
    made, signed = commands()
    assert "gpg --export" in made
    assert "--sign" in signed
