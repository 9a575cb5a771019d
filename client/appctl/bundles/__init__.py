# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`install --from`: an image that the caller has, handed over as a descriptor and never as a path."""
