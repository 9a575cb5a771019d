# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Publishers as they are out there: with images, keys and servers, by the tools that they use."""
