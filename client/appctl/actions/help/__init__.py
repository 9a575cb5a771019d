# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What the client says of itself: its commands and topics, its version, and what a shell completes."""
