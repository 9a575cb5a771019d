# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What leaves this machine: a program of the caller's own, which only reads the repository."""
