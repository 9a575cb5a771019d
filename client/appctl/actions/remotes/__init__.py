# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl remote`: whom this machine trusts; also by a publisher's file, which `install` takes too."""
