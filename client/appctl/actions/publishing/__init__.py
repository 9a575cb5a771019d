# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""`appctl publish`: images, and the catalogue of a publisher's images; `appctl lint`, which looks at both."""
