# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What is kept beside a deployment: its record, how it runs, why it was believed; and that read again."""
