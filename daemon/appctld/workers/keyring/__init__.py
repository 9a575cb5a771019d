# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The keyring worker: what a publisher calls a key becomes what gpgv reads, in a sandbox of its own."""
