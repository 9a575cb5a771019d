# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The store's directory and its objects: what libostree wrote, what went wrong, and what lies."""
