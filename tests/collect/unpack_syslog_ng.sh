#!/bin/sh
# Unpacks syslog-ng and the libraries it needs that are not here into a folder, without installing it: its package and
# rsyslog's cannot be installed at once. Usage: unpack_syslog_ng.sh FOLDER
set -eu
folder=$1
apt-cache show syslog-ng-core >/dev/null 2>&1 || apt-get update -q
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
missing=$(apt-cache depends syslog-ng-core | sed -n 's/^ *|\{0,1\}Depends: \([a-z0-9][a-z0-9.+-]*\)$/\1/p' | sort -u |
  grep -v -e '^sysvinit-utils$' -e '^lsb-base$' | while read -r name; do
    dpkg-query -W -f '${db:Status-Abbrev}' "$name" 2>/dev/null | grep -q '^ii' || echo "$name"
  done)
cd "$work"
# shellcheck disable=SC2086 - names of packages, one a word
apt-get download -q -o APT::Sandbox::User=root syslog-ng-core $missing >/dev/null
rm -rf "$folder.new"
for package in ./*.deb; do dpkg -x "$package" "$folder.new"; done
rm -rf "$folder"
mv "$folder.new" "$folder"
