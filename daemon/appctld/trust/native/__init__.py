# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Commits of OSTree remotes: bytes and signatures in, verdict out."""
