# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What can be typed: every command with its options, its names, and what is said to a word that is none."""
