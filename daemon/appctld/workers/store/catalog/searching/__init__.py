# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What is kept of listed and installed apps to be searched in, and how what fits is found."""
