# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The machine's own services on the system bus, where they are there: networks, power, sleep."""
