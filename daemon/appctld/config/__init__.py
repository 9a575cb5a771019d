# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The publishers that this machine trusts: files of `remotes.d`, read strictly and written durably."""
