# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Names of remotes: they name files and directories, and stand in refs and in front of references."""

REMOTE_NAME = r"[a-z][a-z0-9_-]{0,63}"  # a whole name; `localhost`, which begins references, is none
