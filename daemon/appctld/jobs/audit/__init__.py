# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Verify and Repair: is what is installed still what was verified, and if not, can it be again?"""
