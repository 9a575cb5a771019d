# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The examiner of images before they are published: it runs as the caller, and changes nothing."""
