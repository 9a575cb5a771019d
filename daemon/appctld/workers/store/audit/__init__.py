# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Looking at everything that is stored again, and clearing away what is not what it was."""
