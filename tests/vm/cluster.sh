#!/bin/sh
# In the container of the virtual machine: a cluster, one pod, stop, clean.
K3SBOX=/bin/k3sbox
. /etc/lib.sh
SUITE="e2e E7"
export PATH=/rig:$PATH
for n in kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubelet kubectl kine; do
	ln -s kube /rig/$n
done
for n in iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore; do
	ln -s xtables-nft-multi /usr/sbin/$n
done
. /etc/link.sh
k() { k3sbox kubectl "$@"; }
mkdir -p /var/lib/rancher/k3s/agent/images
cp /etc/hello.tar /var/lib/rancher/k3s/agent/images/
run k3sbox init
same "init" 0 "$rc"
run k3sbox run -d --timeout 900
same "run -d returns when the node is ready" 0 "$rc"
if [ "$rc" != 0 ]; then
	echo "$out $err"
	k3sbox logs -n 5000 2>&1 | grep -E '^F[0-9]|PostStartHook|level=(fatal|error)' |
		tail -n 15 | cut -c1-400
	exit 1
fi
echo "$out" | sed 's/^/phases: /'
same "node is Ready" True \
	"$(k get node -o jsonpath='{.items[0].status.conditions[?(@.type=="Ready")].status}')"
run k create -f /etc/hello.yaml
same "a pod can be created at once" 0 "$rc"
run k wait --for=condition=Ready --timeout=300s pod/hello
same "pod runs" 0 "$rc"
[ "$rc" = 0 ] || k describe pod hello | tail -n 5 | cut -c1-600
has "its logs" "$(k logs hello 2>&1)" "hello from the pod"
has "exec in it" "$(k exec hello -- /busybox id 2>&1)" "uid=0"
has "it has a cgroup with the node's controllers" \
	"$(cat /sys/fs/cgroup/kubepods/cgroup.controllers 2>&1)" cpu memory pids
same "metrics of the pod are there" yes \
	"$(k get --raw /api/v1/nodes/box/proxy/stats/summary | grep -q '"name": "hello"' && echo yes)"
run k3sbox stop
same "stop" 0 "$rc"
run k3sbox clean
same "clean" 0 "$rc"
same "the processes are back in the root group" 0::/ "$(cat /proc/self/cgroup)"
