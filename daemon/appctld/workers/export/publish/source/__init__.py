# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Where what is published comes from: a repository or a directory, both seen as OSTree objects."""
