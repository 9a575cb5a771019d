# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Signing what is published, as its caller: with GnuPG, or with a key for cosign's kind of signature."""
