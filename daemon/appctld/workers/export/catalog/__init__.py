# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Making a publisher's catalogue of the images that it names (ADR 45)."""
