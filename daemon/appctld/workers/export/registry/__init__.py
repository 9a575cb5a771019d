# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Writing to a registry (distribution-spec, "Pushing")."""
