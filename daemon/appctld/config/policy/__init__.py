# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The administrator's policy: what may be installed on this machine, whoever asks."""
