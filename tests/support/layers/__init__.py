# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What is in a layer, entry by entry: honest archives, and such as no tool would write."""
