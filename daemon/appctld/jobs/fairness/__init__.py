# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What one user may take of what all share: open questions, places to work, and memory of what ended."""
