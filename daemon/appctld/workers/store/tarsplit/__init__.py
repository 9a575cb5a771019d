# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""What a layer's tar holds beside the content of files, kept so that the tar can be made again."""
