# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The three forms of an image: one that holds the commit, an ordinary one, flatpak's."""
