#!/bin/bash
# From `k3sbox init` to a Running pod, phase by phase: in gVisor with Docker's default capabilities
# (E10) and with more (E2), in own namespaces, without these, and with the interceptor instead of
# mounts; natively (E1), by k3sbox and started by hand with the same flags; in gVisor of 2022 (E4),
# for a pod of the host's network; the control plane alone. Medians and spread of ${RUNS:-5} runs
# that take turns; seconds since `k3sbox init` began. The pod is made over HTTP; `kubectl` is when a
# `kubectl get` after that has ended, most of which is the start of that program.
set -eu
: "${RUNS:=5}" "${RIG:=$PWD/build/rig/bin}" "${K3SBOX:=$PWD/build/k3sbox}"
W=$(mktemp -d)
trap 'rm -rf "$W"' EXIT
ln -s "$K3SBOX" "$W/k3sbox"
"$K3SBOX" image pack --tag hello:e2e --entrypoint /busybox /bin/busybox -o "$W/hello.tar"

cat >"$W/inside.sh" <<'S'
# inside.sh HOW: prints "phase milliseconds" lines. The phases are seen from outside, by the same
# small HTTPS client in every case.
export PATH=$W:$RIG:$PATH
mkdir -p /var/lib/rancher/k3s/agent/images; cp "$W/hello.tar" /var/lib/rancher/k3s/agent/images/
C=$(mktemp -d)
t0=$(date +%s%N)
at() { echo "$1 $(( ($(date +%s%N) - t0) / 1000000 ))"; }
field() { sed -n "s/.*$1: //p" /etc/rancher/k3s/k3s.yaml | head -n 1 | base64 -d >"$2"; }
api() {
	[ -e $C/good ] || { field certificate-authority-data $C/ca; field client-certificate-data $C/cert; field client-key-data $C/key; } 2>/dev/null
	curl -sf --max-time 2 --cacert $C/ca --cert $C/cert --key $C/key "${@:2}" "https://127.0.0.1:6443$1" 2>/dev/null && : >$C/good
}
until_true() { until "$@"; do sleep 0.1; done; }
is_ready() { tr -d ' \n' | grep -q '"type":"Ready",[^}]*"status":"True"'; }
node_ready() { api /api/v1/nodes | is_ready; }
pod_ready() { api /api/v1/namespaces/default/pods/hello | is_ready; }
can_create() { api /api/v1/namespaces/default/serviceaccounts/default >/dev/null; }
phases() {
	until_true api /readyz >/dev/null; at api
	until_true node_ready; at node
	until_true can_create
	while [ -e /var/lib/rancher/k3s/agent/etc/cni/net.d/10-flannel.conflist ] && [ ! -e /run/flannel/subnet.env ]; do sleep 0.1; done
	at admit
	sed '/^---/,$d' "$TOP/tests/e2e/$POD" >$C/pod
	api /api/v1/namespaces/default/pods -H 'Content-Type: application/yaml' --data-binary @$C/pod >/dev/null ||
		k3sbox kubectl create -f $C/pod >/dev/null
	until_true pod_ready; at pod
	k3sbox kubectl get pod hello >/dev/null; at kubectl
}
umask 077
POD=hello.yaml
case $1 in
control)
	k3sbox init -q --mode control-plane; at init
	k3sbox run -d --mode control-plane --wait=none >/dev/null
	until_true api /readyz >/dev/null; at api; sleep 5
	awk '/^VmRSS/ {s += $2} END {print "memory_mib", int(s / 1024)}' $(for p in $(pgrep -f 'kube-|kine|k3s server'); do echo /proc/$p/status; done) ;;
hand)
	k3sbox init -q; at init
	mkdir -p /run/k3sbox/bin; ln -s "$W/k3sbox" /run/k3sbox/bin/crun; export PATH=/run/k3sbox/bin:$PATH
	eval "set -- $(cat "$W/argv")"
	"$@" >$C/k3s.log 2>&1 &
	phases; kill $! ;;
*)
	case $1 in no-mount) set -- run --no-mount ;; mounts) set -- run --namespaces=no ;; host-network) POD=host-network.yaml ;; esac
	k3sbox init -q ${2-}; at init
	k3sbox run -d --wait=none ${2-} >/dev/null
	phases
	echo "supervisor_kib $(awk '/^VmRSS/ {print $2}' /proc/$(k3sbox status -o json | sed -n 's/.*"pid": \([0-9]*\).*/\1/p')/status)"
	[ "$1" != save ] || tr '\0' '\n' <"/proc/$(pgrep -xo k3s)/cmdline" | sed "s/.*/'&'/" | tr '\n' ' ' >"$W/argv" ;;
esac
k3sbox stop >/dev/null 2>&1
S
go() { "$RIG/sandbox" --env "$1" --share "$W" --set "W=$W" --set "RIG=$RIG" --set "TOP=$PWD" -- bash "$W/inside.sh" "$2" </dev/null; }

go E1 save >/dev/null   # warms the page cache, and notes the command line for the runs by hand
for i in $(seq "$RUNS"); do
	go E10 run | sed 's/^/gVisor-unprivileged /' >>"$W/out"
	go E2 run | sed 's/^/gVisor /' >>"$W/out"
	go E2 mounts | sed 's/^/gVisor-mounts /' >>"$W/out"
	go E2 no-mount | sed 's/^/gVisor-intercepted /' >>"$W/out"
	go E4 host-network | sed 's/^/gVisor-2022 /' >>"$W/out"
	go E1 run | sed 's/^/native /' >>"$W/out"
	go E1 hand | sed 's/^/native-by-hand /' >>"$W/out"
	go E2 control | sed 's/^/gVisor-control-plane /' >>"$W/out"
done
echo "k3sbox init to a Running pod, $RUNS runs each on $(nproc) processors: median (least to most)"
for how in gVisor-unprivileged gVisor gVisor-mounts gVisor-intercepted gVisor-2022 native native-by-hand gVisor-control-plane; do
	for phase in init api node admit pod kubectl memory_mib supervisor_kib; do
		sort -n -k3 "$W/out" | awk -v h=$how -v p=$phase '$1 == h && $2 == p {v[++n] = $3}
			END { if (n && p == "supervisor_kib") printf "  %-22s %-8s %6.0f KiB (%.0f to %.0f)\n", h, "run RSS", v[int((n + 1) / 2)], v[1], v[n]
			      else if (n && p == "memory_mib") printf "  %-22s %-8s %6.0f MiB (%.0f to %.0f)\n", h, "RSS sum", v[int((n + 1) / 2)], v[1], v[n]
			      else if (n) printf "  %-22s %-8s %6.1f s   (%.1f to %.1f)\n", h, p, v[int((n + 1) / 2)] / 1000, v[1] / 1000, v[n] / 1000 }'
	done
done
