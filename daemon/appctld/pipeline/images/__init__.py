# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The steps that an image takes, from a reference to a commit; run.py puts them in a row."""
