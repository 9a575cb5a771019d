# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Files in XML: read whole, within limits, and written from lists of what is allowed."""
