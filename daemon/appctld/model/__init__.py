# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Frozen values and pure parsers. Nothing here does I/O."""
