# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Logins for registries: the caller's own, where podman and docker keep them, and those of the system."""
