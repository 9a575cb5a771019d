# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The lists of apps of the remotes: asking for them, and searching in what is here."""
