# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Whether what was verified may be put in place: its claims, its runtime, its age, and who approved it."""
