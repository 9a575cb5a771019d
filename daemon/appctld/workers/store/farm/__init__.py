# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What desktops see of the apps: each deployment's exports, and the links through which they are found."""
