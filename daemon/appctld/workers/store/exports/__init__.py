# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a publisher's files become before a host's desktop reads them: bytes in, bytes out (ADR 42)."""
