# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Who vouches for images: keys and signatures by real programs, good and bad, and the judge of them."""
