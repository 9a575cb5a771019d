# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Images that a program of the caller's looks into: where they lie, what is in them, who else may judge."""
