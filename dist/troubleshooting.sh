#!/bin/sh
# troubleshooting.sh K3SBOX: prints a page (Markdown) of what `doctor --explain` knows: errors as k3s
# and its parts write them, what causes them, what k3sbox does, and what can be done outside.
set -eu
cat <<'S'
# Troubleshooting

Errors of k3s, kubelet, containerd and runc, and what causes them in sandboxes and containers. `*`
stands for a path or a name. `k3sbox doctor` shows which of this applies to a machine, and `k3sbox
doctor --explain 'ERROR TEXT'` finds an entry here.
S
"$1" doctor --explain '' | awk '
	/^[a-z]/ { printf "\n## %s\n", $1; next }
	/^  [a-z]/ { label = substr($1, 1, length($1) - 1); first = 1 }
	{ text = substr($0, 12) }
	label == "error" { printf "%s    %s\n", first ? "\n" : "", text; first = 0; next }
	label == "cause" { sub(/^k3s needs this: /, "", text); printf "\nk3s needs this: %s.\n", text; next }
	label == "k3sbox" { printf "%s- %s\n", first ? "\nWhat k3sbox does, as far as it is needed and possible:\n\n" : "", text; first = 0; next }
	{ printf "\nOutside: %s.\n", text }'
