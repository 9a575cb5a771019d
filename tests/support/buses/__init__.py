# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A private bus, and who is on it: the real server, a daemon that lies, and clients."""
