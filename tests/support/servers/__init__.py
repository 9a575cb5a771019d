# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Servers on loopback: registries, lookasides and proxies, real ones and such as answer what a test says."""
