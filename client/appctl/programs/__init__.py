# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Programs that run as the caller, without the daemon: how one is run, what it is told; keyrings."""
