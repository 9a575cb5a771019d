# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The sentence for native OSTree remotes: from a ref to a deployment."""
