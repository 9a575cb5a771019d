# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What is done as the caller, without the daemon: programs, what they read of a remote, and say of it."""
