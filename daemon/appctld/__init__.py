# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The daemon of appctl: verified import of OCI images into one OSTree repository."""

__version__ = "0.1.0"
