# E6: nothing but k3sbox and k3s in the root, no shell, no /etc; `k3sbox run` is process 1. All
# checks are therefore made from outside, over the network.
cd "$TOP" || exit 1
. tests/lib.sh
SUITE="e2e E6"
root=$T/root
mkdir -p "$root/rig" "$root/tmp" "$root/var/lib/rancher/k3s/agent/images" "$T/out"
cp "$K3SBOX" "$root/k3sbox"
cp "$IMAGE" "$root/var/lib/rancher/k3s/agent/images/"
for part in k3s containerd containerd-shim-runc-v2 ctr runc crictl kube busybox; do ln "$RIG/$part" "$root/rig/" 2>/dev/null || cp "$RIG/$part" "$root/rig/"; done
for part in kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubelet kubectl kine; do ln -s kube "$root/rig/$part"; done
same "there is no shell in the root" "" "$(find "$root" -name sh -o -name bash -o -name mount -o -name umount -o -name iptables -o -path "$root/etc")"

"$RIG/sandbox" --env E6 --root "$root" --share "$T/out" --set PATH=/rig -- /k3sbox run -- --write-kubeconfig "$T/out/kubeconfig" >"$T/log" 2>&1 & box=$!
at_exit() { kill $box 2>/dev/null; wait $box; }
soon() { until_=$((SECONDS + $1)); shift; until "$@" >/dev/null 2>&1; do [ $SECONDS -lt $until_ ] && kill -0 $box 2>/dev/null || return 1; sleep 0.3; done; }
check "k3sbox run, as process 1: ready" soon 120 grep -q 'pods can be created' "$T/log" || { tail -n 20 "$T/log"; exit 1; }
has "phases are printed" "$(cat "$T/log")" "API ready" "node sandbox Ready"
k() { "$RIG/kubectl" --kubeconfig "$T/out/kubeconfig" --server "https://$ip:6443" "$@"; }
for ip in $(ip -o -4 addr | sed -n 's/.* \(10\.213\.[0-9]*\)\.1\/.*/\1.2/p'); do timeout 10 "$RIG/kubectl" --kubeconfig "$T/out/kubeconfig" \
	--server "https://$ip:6443" get --raw /readyz >/dev/null 2>&1 && break; done
same "node is Ready" True "$(k get node sandbox -o jsonpath='{.status.conditions[?(@.type=="Ready")].status}')"
run k create -f tests/e2e/hello.yaml
same "a pod can be created at once" 0 "$rc"
run k wait --for=condition=Ready --timeout=60s pod/hello
same "pod runs" 0 "$rc"
[ "$rc" = 0 ] || k describe pod hello | tail -n 5 | cut -c1-500
has "its logs" "$(k logs hello 2>&1)" "hello from the pod"
has "exec in it" "$(k exec hello -- /busybox id 2>&1)" "uid=0"
same "process 1 is k3sbox" "" "$(grep -v '^ *[0-9.]* s  ' "$T/log" | head -n 3)"
kill -USR1 $box; rc=0; wait $box || rc=$?
at_exit() { :; }
same "SIGTERM ends it, with status 0" "0 1" "$rc $(grep -c '  stopped$' "$T/log")"
