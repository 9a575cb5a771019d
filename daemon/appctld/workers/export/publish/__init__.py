# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl publish`: a commit, a directory or an installed app, as an image of one of three forms."""
