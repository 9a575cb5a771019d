# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""An app's way through a machine, each step a job: install, update, hold, verify, roll back, uninstall."""
