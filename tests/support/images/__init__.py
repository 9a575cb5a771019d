# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Images and how they are made: by real tools, or by hand where no tool would."""
