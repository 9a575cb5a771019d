# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A publisher's own OSTree commit: from the quarantine that a pull filled into the shared repository."""
