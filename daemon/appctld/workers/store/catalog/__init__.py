# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A remote's list of apps in the store: a stranger's XML and pictures in, files that all may read out."""
