# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""One process of a job goes wrong: how, where, and what must be true afterwards."""
