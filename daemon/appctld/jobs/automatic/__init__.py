# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""An update that nobody asked for: how far it may go is asked, it goes so far, and how it went is kept."""
