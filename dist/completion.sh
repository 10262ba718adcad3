#!/bin/sh
# completion.sh K3SBOX: prints a completion for bash, made of what K3SBOX says of its own options.
# zsh takes it, too, after `autoload bashcompinit; bashcompinit`.
set -eu
here=$(dirname "$0")
cat <<'S'
# bash completion for k3sbox; generated, see `make docs`
_k3sbox() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} applet=${COMP_WORDS[1]}
	COMPREPLY=()
	if [ "$COMP_CWORD" = 1 ]; then
S
printf '\t\tmapfile -t COMPREPLY < <(compgen -W "%s --list --help version" -- "$word")\n\t\treturn\n\tfi\n' \
	"$("$1" --list | tr '\n' ' ' | sed 's/ $//')"
printf '\tlocal options= values=\n\tcase $applet in\n'
# kubectl and its like have options of their own, which they complete themselves.
options=$(for applet in $("$1" --list); do "$1" "$applet" --help 2>/dev/null </dev/null | awk -v applet="$applet" -f "$here/options.awk"; done)
printf '%s\n' "$options" | awk -F '\t' '
	$1 != last { if (last != "") print "\" ;;"; printf "\t%s) options=\"--help", last = $1 }
	$3 != "" { printf " %s", $3 }
	END { if (last != "") print "\" ;;" }'
printf '\tesac\n\tcase $applet$before in\n'
# Arguments that are a choice of words.
printf '%s\n' "$options" | awk -F '\t' '
	$4 ~ /^[a-z-]+(\|[a-z-]+)+(\/NAME)?$/ { sub(/NAME$/, "", $4); gsub(/\|/, " ", $4); printf "\t%s%s) values=\"%s\" ;;\n", $1, $3, $4 }'
cat <<'S'
	esac
	if [ -n "$values" ]; then
		mapfile -t COMPREPLY < <(compgen -W "$values" -- "$word")
	elif [[ $word == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word")
	else
		compopt -o default
	fi
}
complete -F _k3sbox k3sbox
S
