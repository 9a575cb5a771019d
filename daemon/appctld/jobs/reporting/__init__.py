# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What others are told of the jobs: callers and the bus, the journal, and the history."""
