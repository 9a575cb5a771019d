# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Images that hold an OSTree commit ("ostree-structured", ostree-ext): its objects out of layers' tars."""
