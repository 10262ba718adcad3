# gVisor of 2022: mounts do not propagate, cannot be remounted and are shared by all processes;
# joining namespaces, PR_SET_CHILD_SUBREAPER and pivot_root are unsupported; process_vm_readv,
# cap_last_cap and much else is missing. Pods on the host's network run nevertheless.
cd "$TOP" || exit 1
. tests/lib.sh
SUITE="e2e $ENV"
export PATH=$BIN:$RIG:$PATH
k() { k3sbox kubectl "$@"; }
mounts() { grep -oE ' (/run/k3s|/var/lib/kubelet|/var/lib/rancher|/run/netns)(/[^ ]*)? ' /proc/self/mountinfo; }
soon() { until_=$((SECONDS + $1)); shift; until "$@" >/dev/null 2>&1; do [ $SECONDS -lt $until_ ] || return 1; sleep 0.3; done; }

before=$(cat /proc/self/mountinfo) ours=$(mounts)
run k3sbox doctor
same "doctor knows a step for each fatal obstacle, and limits" 2 "$rc"
same "probing leaves no mount behind" "$before" "$(cat /proc/self/mountinfo)"
mkdir -p /var/lib/rancher/k3s/agent/images
cp "$IMAGE" /var/lib/rancher/k3s/agent/images/
run k3sbox init
same "init" 0 "$rc"
run k3sbox run -d --timeout 150
same "run -d returns when the node is ready" 0 "$rc"
[ "$rc" = 0 ] || { k3sbox logs -n 25 2>&1 | cut -c1-300; exit 1; }
same "node is Ready" True "$(k get node -o jsonpath='{.items[0].status.conditions[?(@.type=="Ready")].status}')"

run k create -f tests/e2e/host-network.yaml
same "pods can be created" 0 "$rc"
run k wait --for=condition=Ready --timeout=90s pod/hello
same "pod runs" 0 "$rc"
[ "$rc" = 0 ] || k describe pod hello | tail -n 8 | cut -c1-400
has "its logs" "$(k logs hello 2>&1)" "hello from the pod"
has "exec in it" "$(k exec hello -- /busybox id 2>&1)" "uid=0"
same "exec is in the pod's root directory" "$(k exec hello -- /busybox ls / 2>&1 | sort | tr '\n' ' ')" "busybox dev etc guest proc sys v var "
same "memory volume in it" tmpfs "$(k exec hello -- /busybox sh -c 'while read a b c d; do [ $b = /v ] && echo $c; done </proc/mounts' 2>/dev/null)"
same "exec passes on the exit status" 7 "$(k exec hello -- /busybox sh -c 'exit 7' >/dev/null 2>&1; echo $?)"
check "the exit status of a container is reported" soon 60 sh -c '[ "$(k3sbox kubectl get pod ends -o jsonpath="{.status.containerStatuses[0].state.terminated.exitCode}")" = 3 ]'
check "the pod has a shim" pgrep containerd-shim
run k delete pod hello ends
same "pods can be deleted" 0 "$rc"
check "their shims end" soon 30 sh -c '! pgrep containerd-shim'
same "their mounts are removed" "" "$(grep -oE ' /run/k3s/[^ ]*/rootfs[^ ]* ' /proc/self/mountinfo)"

run k create -f tests/e2e/host-network.yaml
run k wait --for=condition=Ready --timeout=90s pod/hello
same "another pod" 0 "$rc"
run k3sbox stop
same "stop" 0 "$rc"
same "stop leaves no process" "" "$(pgrep -fa 'containerd|kube|k3s server|/pause|sleep 3600' | grep -v e2e)"
same "stop leaves no mount" "$ours" "$(mounts)"
run k3sbox run -d --timeout 150
same "run on the same data" 0 "$rc"
run k wait --for=condition=Ready --timeout=90s pod/hello
same "brings the pod back" 0 "$rc"
run k3sbox stop
run k3sbox clean
same "clean" 0 "$rc"
same "the mount table is as before" "$before" "$(cat /proc/self/mountinfo)"
