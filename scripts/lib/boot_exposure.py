# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What `systemd-analyze security` holds against a unit, beside the reason for each point.

    boot_exposure.py UNIT REASONS      REASONS: systemd/exposure.txt

Prints a table, the total last. Exit code 1 when a point has no reason; with nothing but the standard library.
"""

import json
import subprocess
import sys
from pathlib import Path


def main(unit: str, reasons_file: str) -> int:
    """Print the table and return the exit code."""
    reasons = _reasons(Path(reasons_file).read_text())
    listing = _analyze(unit, "--json=short")
    held = [entry for entry in json.loads(listing) if entry["exposure"]]
    held.sort(key=lambda entry: -float(entry["exposure"]))
    for entry in held:
        reason = reasons.get(entry["json_field"], "(no reason given)")
        print(f"{entry['exposure']:>6}  {entry['name']:<42} {reason}")
    total = _analyze(unit).rstrip().rpartition(": ")[2].split()[0]
    print(f"{total:>6}  in all")
    unexplained = [entry["name"] for entry in held if entry["json_field"] not in reasons]
    if unexplained:
        print(f"without a reason: {', '.join(unexplained)}")
        return 1
    return 0


def _reasons(text: str) -> dict[str, str]:
    lines = [line.split(None, 1) for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return {field: reason for field, reason in lines}  # noqa: C416 - two columns each, or it is an error


def _analyze(unit: str, *options: str) -> str:
    command = ["systemd-analyze", "security", "--no-pager", *options, unit]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
