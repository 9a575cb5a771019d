# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Flatpak's words: refs, labels of images, extension points, and what an index server lists. Pure."""
