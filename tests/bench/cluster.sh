#!/bin/bash
# From `k3sbox init` to a Running pod, phase by phase: in gVisor (E2) and natively (E1), and natively k3s started by hand with the same
# flags, for comparison. Medians and spread of ${RUNS:-5} runs that take turns; seconds since `k3sbox init` began.
set -eu
: "${RUNS:=5}" "${RIG:=$PWD/build/rig/bin}" "${K3SBOX:=$PWD/build/k3sbox}"
W=$(mktemp -d)
trap 'rm -rf "$W"' EXIT
ln -s "$K3SBOX" "$W/k3sbox"
"$K3SBOX" image pack --tag hello:e2e --entrypoint /busybox /bin/busybox -o "$W/hello.tar"

cat >"$W/inside.sh" <<'S'
# inside.sh HOW: prints "phase seconds" lines
export PATH=$W:$RIG:$PATH
mkdir -p /var/lib/rancher/k3s/agent/images; cp "$W/hello.tar" /var/lib/rancher/k3s/agent/images/
t0=$(date +%s%N)
at() { echo "$1 $(( ($(date +%s%N) - t0) / 1000000 ))"; }
ready() { k3sbox status -o json 2>/dev/null | grep -q '"node": *true'; }
case $1 in
control) k3sbox init -q --mode control-plane; k3sbox run -d --mode control-plane --wait=api --timeout 120 >/dev/null; at api
	awk '/^VmRSS/ {s += $2} END {print "memory_mib", s / 1024}' $(for p in $(pgrep -f "kube-|kine|k3s server"); do echo /proc/$p/status; done)
	k3sbox stop >/dev/null; exit ;;
hand)   k3sbox init -q; at init
	eval "set -- $(cat "$W/argv")"
	"$@" >/tmp/k3s.log 2>&1 &
	until k3sbox kubectl get --raw /readyz >/dev/null 2>&1; do sleep 0.1; done; at api
	until k3sbox kubectl get node 2>/dev/null | grep -q ' Ready'; do sleep 0.1; done; at node ;;
*)      k3sbox init -q; at init
	k3sbox run -d --wait=api --timeout 120 >/dev/null; at api
	k3sbox run -d --wait=node --timeout 120 >/dev/null; at node ;;
esac
until k3sbox kubectl create -f "$TOP/tests/e2e/hello.yaml" >/dev/null 2>&1; do sleep 0.2; done
k3sbox kubectl wait --for=condition=Ready --timeout=60s pod/hello >/dev/null; at pod
[ "$1" != save ] || { tr '\0' '\n' <"/proc/$(pgrep -xo k3s)/cmdline" | sed "s/'/'\\\\''/g; s/.*/'&'/" | tr '\n' ' ' >"$W/argv"; }
k3sbox stop >/dev/null 2>&1 || true
S
go() { "$RIG/sandbox" --env "$1" --share "$W" --set "W=$W" --set "RIG=$RIG" --set "TOP=$PWD" -- bash "$W/inside.sh" "$2"; }

go E1 save >/dev/null   # warms the page cache, and notes the command line for the runs by hand
for i in $(seq "$RUNS"); do
	go E2 run | sed 's/^/gVisor /' >>"$W/out"
	go E1 run | sed 's/^/native /' >>"$W/out"
	go E1 hand | sed 's/^/native-by-hand /' >>"$W/out"
	go E2 control | sed 's/^/gVisor-control-plane /' >>"$W/out"
done
echo "k3sbox init to a Running pod, $RUNS runs each on $(nproc) processors: median (least to most)"
for how in gVisor native native-by-hand gVisor-control-plane; do
	for phase in init api node pod memory_mib; do
		sort -n -k3 "$W/out" | awk -v h=$how -v p=$phase '$1 == h && $2 == p {v[++n] = $3}
			END { if (n && p == "memory_mib") printf "  %-22s %-8s %6.0f MiB (%.0f to %.0f)\n", h, "memory", v[int((n + 1) / 2)], v[1], v[n]
			      else if (n) printf "  %-22s %-8s %6.1f s   (%.1f to %.1f)\n", h, p, v[int((n + 1) / 2)] / 1000, v[1] / 1000, v[n] / 1000 }'
	done
done
