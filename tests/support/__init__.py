# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What tests share, by what it stands in for: real peers on loopback, images, machines, people, faults."""
