# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Sigstore signatures that were made with keys: what cosign attaches to an image in its registry."""
