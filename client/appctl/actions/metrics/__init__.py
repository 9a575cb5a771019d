# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl metrics`: numbers about this machine's apps, for those who watch many machines."""
