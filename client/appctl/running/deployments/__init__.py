# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What is installed, as `run` finds it: a deployment and what it stands on, each locked and read."""
