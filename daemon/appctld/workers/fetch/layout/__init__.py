# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Images that lie in a directory or a file instead of a registry (image-spec, "image-layout"), read only."""
