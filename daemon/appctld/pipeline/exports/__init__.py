# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What deployments show to desktops: how apps are started there, and the caches of the host's programs."""
