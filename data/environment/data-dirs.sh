# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
#
# Sets XDG_DATA_DIRS so that desktops see the apps: the user's own and those for all users, after everything else that is in
# it, so that they hide nothing of the machine's. To be sourced, by any POSIX shell; says nothing, and adds nothing twice.

XDG_DATA_DIRS=${XDG_DATA_DIRS:-/usr/local/share:/usr/share} # what unset and empty mean (basedir-spec)
case ${XDG_DATA_HOME:-} in
    /*) _appctl_data=$XDG_DATA_HOME ;;
    *) _appctl_data=${HOME:+$HOME/.local/share} ;; # a relative one counts as unset
esac
for _appctl_share in ${_appctl_data:+"$_appctl_data/appctl/exports/share"} /var/lib/appctl/exports/share; do
    case :$XDG_DATA_DIRS: in
        *:"$_appctl_share":* | *:"$_appctl_share"/:*) ;;
        *) XDG_DATA_DIRS=$XDG_DATA_DIRS:$_appctl_share ;;
    esac
done
unset _appctl_data _appctl_share
export XDG_DATA_DIRS
