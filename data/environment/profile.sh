# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
# The apps in XDG_DATA_DIRS of login shells, as long as appctl is installed.
[ ! -r /usr/lib/appctl/data-dirs.sh ] || . /usr/lib/appctl/data-dirs.sh
