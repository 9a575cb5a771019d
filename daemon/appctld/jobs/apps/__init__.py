# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What jobs do with apps: install them, update them, take them back to what was, and remove them."""
