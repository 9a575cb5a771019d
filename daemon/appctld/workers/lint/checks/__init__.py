# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What is looked at, one thing a module: each takes an image and what was found so far."""
