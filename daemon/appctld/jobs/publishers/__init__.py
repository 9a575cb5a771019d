# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Whom this machine installs from: its remotes, how a publisher becomes one, and how their keys change."""
