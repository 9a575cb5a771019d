# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""Why an image is believed: signature bytes and a remote's keys in, a verdict out."""
