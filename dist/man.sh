#!/bin/sh
# man.sh K3SBOX [APPLET]: prints the manual page k3sbox(1), or k3sbox-APPLET(1), from the help that
# K3SBOX prints.
set -eu
here=$(dirname "$0")
version=$("$1" version | sed 's/^k3sbox //; 1q')
# Text as it is: backslashes, and lines that begin with a dot or an apostrophe.
verbatim() { sed 's/\\/\\e/g; s/-/\\-/g; s/^\([.'\'']\)/\\\&\1/'; }
if [ $# -lt 2 ]; then
	printf '.TH K3SBOX 1 "" "k3sbox %s"\n.SH NAME\nk3sbox \\- %s\n.SH DESCRIPTION\n.nf\n' "$version" \
		"$("$1" --help | sed -n '1s/^[^:]*: //p')"
	"$1" --help | sed 1,2d | verbatim
	printf '.fi\n.SH SEE ALSO\n'
	"$1" --list | sed 's/.*/.BR k3sbox-& (1),/; $s/,$//'
	exit
fi
help=$("$1" "$2" --help </dev/null)
line() { printf '%s\n' "$help" | sed -n "$1"; }
what=$("$1" --help | sed -n "s/^  $2  *//p" | head -n 1)
printf '.TH K3SBOX\\-%s 1 "" "k3sbox %s"\n.SH NAME\nk3sbox\\-%s \\- %s\n.SH SYNOPSIS\n.nf\n' \
	"$(printf %s "$2" | tr a-z A-Z)" "$version" "$2" "$(printf %s "$what" | verbatim)"
# up to the first empty line
line '1,/^$/p' | sed 's/^Usage: //; s/^       //' | verbatim
printf '.fi\n'
options=$(printf '%s\n' "$help" | awk -v applet="$2" -f "$here/options.awk")
if [ -n "$options" ]; then
	printf '.SH OPTIONS\n'
	printf '%s\n' "$options" | verbatim | awk -F '\t' '{
		name = $2 ($2 != "" && $3 != "" ? ", " : "") $3
		printf ".TP\n.BR \"%s\" \"%s%s\"\n%s\n", name, $4 ~ /^(\[|$)/ ? "" : " ", $4, $5 }'
fi
printf '.SH DESCRIPTION\n.nf\n'
# what is neither the usage nor the options
line '/^$/,$p' | awk '/^Options:/ { skip = 1; next } skip && /^$/ { skip = 0 } !skip' | verbatim
printf '.fi\n.SH SEE ALSO\n.BR k3sbox (1)\n'
