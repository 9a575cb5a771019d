# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""A remote's list of apps: the sentence for an image that is read, and never deployed."""
