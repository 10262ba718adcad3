#!/bin/bash
# What tracing costs: this interceptor in both modes, strace --seccomp-bpf and proot against no tracer, natively and in gVisor. Least of
# ${RUNS:-3} runs that take turns; nanoseconds per call, and the ratio to untraced.
set -eu
: "${RUNS:=3}" "${RIG:=$PWD/build/rig/bin}" "${K3SBOX:=$PWD/build/k3sbox}" "${WHERE:=native gVisor}"
W=$(mktemp -d)
trap 'rm -rf "$W"' EXIT
chmod 755 "$W"
musl-gcc -D_GNU_SOURCE -std=c11 -O2 -static -pthread -o "$W/bench" tests/bench/intercept.c

declare -A how=(
	[untraced]="" [k3sbox]="$K3SBOX intercept --seeds k3s --" [k3sbox-syscall]="$K3SBOX intercept --mode syscall --seeds k3s --"
	[strace]="strace -f --seccomp-bpf -qq -e trace=open,openat,stat,newfstatat -o /dev/null" [proot]="proot"
)
order="untraced k3sbox strace k3sbox-syscall proot"

cat >"$W/inside.sh" <<S
for i in $(seq -s ' ' "$RUNS"); do
$(for h in $order; do echo "${how[$h]} $W/bench \${SCALE:-1} 2>/dev/null | sed 's/^/$h /'"; done)
done
$(for h in untraced k3sbox strace; do echo "${how[$h]} $W/bench 1 1000 2>/dev/null | sed 's/^open+close/open+1000threads/; s/^/$h /'"; done)
S
table() {
	echo "$1: ns per call (ratio to untraced)"
	awk -v order="$order" '
		{ k = $1 SUBSEP $2; if (!(k in v) || $3 < v[k]) v[k] = $3; if (!seen[$2]++) ops[++m] = $2 }
		END { n = split(order, h, " ")
			printf "  %-16s", ""; for (i = 1; i <= n; i++) printf "%22s", h[i]; print ""
			for (j = 1; j <= m; j++) { printf "  %-16s", ops[j]
				for (i = 1; i <= n; i++) { x = v[h[i] SUBSEP ops[j]]
					if (x == "") printf "%22s", "-"; else printf "%13.0f (%5.2f)", x, x / v["untraced" SUBSEP ops[j]] }
				print "" } }'
}
for w in $WHERE; do
	case $w in
	native) unshare -n bash "$W/inside.sh" ;;
	gVisor) "$RIG/runsc" --network=host --ignore-cgroups do env SCALE=4 bash "$W/inside.sh" ;;
	esac | table "$w"
done
