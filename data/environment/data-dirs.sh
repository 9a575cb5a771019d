# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
#
# Sets XDG_DATA_DIRS so that desktops see the apps: the user's own and those for all users, after everything else that is in
# it, so that they hide nothing of the machine's: what of them is in it already is moved there. To be sourced, by any POSIX
# shell; says nothing.

XDG_DATA_DIRS=${XDG_DATA_DIRS:-/usr/local/share:/usr/share} # what unset and empty mean (basedir-spec)
case ${XDG_DATA_HOME:-} in
    /*) _appctl_data=$XDG_DATA_HOME ;;
    *) _appctl_data=${HOME:+$HOME/.local/share} ;; # a relative one counts as unset
esac
_appctl_dirs=:$XDG_DATA_DIRS:
for _appctl_share in ${_appctl_data:+"$_appctl_data/appctl/exports/share"} /var/lib/appctl/exports/share; do
    for _appctl_form in "$_appctl_share" "$_appctl_share/"; do
        while [ "$_appctl_dirs" != "${_appctl_dirs#*:"$_appctl_form":}" ]; do
            _appctl_dirs=${_appctl_dirs%%:"$_appctl_form":*}:${_appctl_dirs#*:"$_appctl_form":}
        done
    done
    _appctl_dirs=$_appctl_dirs$_appctl_share:
done
_appctl_dirs=${_appctl_dirs#:}
XDG_DATA_DIRS=${_appctl_dirs%:}
unset _appctl_data _appctl_share _appctl_form _appctl_dirs
export XDG_DATA_DIRS
