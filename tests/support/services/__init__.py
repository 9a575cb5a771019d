# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Services of a system beside the daemon: polkitd, the service manager, logind, NetworkManager, UPower."""
