#!/bin/bash
# What tracing costs: this interceptor in both modes, strace --seccomp-bpf and proot against no
# tracer, natively and in gVisor; and two floors, a filter that stops nothing, and a tracer that
# does nothing at its stops (stop.c). Medians of ${RUNS:-5} runs that take turns, with the least and
# the most; ratios to untraced, and to strace.
set -eu
: "${RUNS:=5}" "${RIG:=$PWD/build/rig/bin}" "${K3SBOX:=$PWD/build/k3sbox}" "${WHERE:=native gVisor gVisor-on-one}"
dist/need proot=proot strace=strace
W=$(mktemp -d)
trap 'rm -rf "$W"' EXIT
chmod 755 "$W"
musl-gcc -D_GNU_SOURCE -std=c11 -O2 -static -pthread -o "$W/bench" tests/bench/intercept.c
musl-gcc -D_GNU_SOURCE -std=c11 -O2 -static -idirafter build/include -o "$W/stop" tests/bench/stop.c

declare -A how=(
	[untraced]="" [empty-filter]="$W/stop filter" [bare-stop]="$W/stop trace"
	[k3sbox]="$K3SBOX intercept --seeds k3s --" [k3sbox-syscall]="$K3SBOX intercept --mode syscall --seeds k3s --"
	[strace]="strace -f --seccomp-bpf -qq -e trace=open,openat,stat,newfstatat -o /dev/null" [proot]="proot"
)
order="untraced empty-filter bare-stop k3sbox strace k3sbox-syscall proot"

cat >"$W/inside.sh" <<S
for i in $(seq -s ' ' "$RUNS"); do
$(for h in $order; do echo "${how[$h]} $W/bench \${SCALE:-1} 2>/dev/null | sed 's/^/$h /'"; done)
$(for h in untraced k3sbox strace; do echo "${how[$h]} $W/bench 1 1000 2>/dev/null | sed 's/^open+close/open+1000threads/; s/^/$h /'"; done)
done
S
table() {
	echo "$1, $RUNS runs: median µs per call (least to most), × untraced, × strace"
	sort -k1,1 -k2,2 -k3,3n | awk -v order="$order" '
		{ k = $1 SUBSEP $2; v[k, ++n[k]] = $3 }
		function median(k) { return n[k] ? v[k, int((n[k] + 1) / 2)] : 0 }
		END { h = split(order, how, " "); m = split("getppid open+close open+1000threads open-new open-seeded stat thread fork", ops, " ")
			for (j = 1; j <= m; j++) { print "  " ops[j]
				for (i = 1; i <= h; i++) { k = how[i] SUBSEP ops[j]; if (!n[k]) continue
					x = median(k); u = median("untraced" SUBSEP ops[j]); s = median("strace" SUBSEP ops[j])
					printf "    %-15s %10.2f  (%.2f to %.2f)  × %.2f%s\n", how[i], x / 1000, v[k, 1] / 1000, v[k, n[k]] / 1000, x / u,
						s ? sprintf("  × %.2f", x / s) : "" } } }'
}
# On several processors gVisor's own switches between processes take one of two times, the one three
# times the other, and change within a run; on one processor they do not.
gvisor() { "$@" "$RIG/runsc" --network=host --ignore-cgroups do env SCALE=4 bash "$W/inside.sh"; }
for w in $WHERE; do
	case $w in
	native) unshare -n bash "$W/inside.sh" ;;
	gVisor) gvisor ;;
	gVisor-on-one) gvisor taskset -c 0 ;;
	esac | table "$w"
done
