# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What the commands do: one module a command (or a family), called with the Context, giving the exit code."""
