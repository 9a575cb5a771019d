# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What an app finds on its file system: trees of images, paths of the host, and directories of its own."""
