#!/bin/sh
# In the container of the virtual machine: doctor, init, a container by way of the shim, the CNI
# plugins, clean. /bin/sh is busybox's.
K3SBOX=/bin/k3sbox
. /etc/lib.sh
SUITE="vm E7"
. /etc/link.sh
group=/sys/fs/cgroup
to_k3s="-- --system-default-registry=127.0.0.1:1"
doctor() { "$K3SBOX" doctor --k3s /bin/k3s --data-dir /var/lib/k3s "$@" $to_k3s; }
fact() { doctor | grep -A 1 " $1: "; }

check "the root group of the container has processes" test -n "$(cat $group/cgroup.procs)"
before=$(doctor)
has "so its controllers cannot be passed on" "$before" "cgroup-controllers" "Resource busy" \
	"-> file: move all processes"
same "doctor changes nothing" "0::/ " \
	"$(cat /proc/self/cgroup) $(cat $group/cgroup.subtree_control)"
same "and says that pods can run" "result: a node with pods can run here" \
	"$(echo "$before" | tail -n 1)"
mkdir -p /run/systemd/system
has "where systemd manages the groups, they are left to it" "$(fact cgroup-controllers)" rejected
rm -r /run/systemd
sleep 300 & sleeper=$!
has "a control plane alone leaves the groups as they are" \
	"$("$K3SBOX" init --mode control-plane --k3s /bin/k3s --data-dir /var/lib/k3s $to_k3s
	cat /proc/$sleeper/cgroup)" 0::/
run "$K3SBOX" init --k3s /bin/k3s --data-dir /var/lib/k3s $to_k3s
same "init" 0 "$rc"
same "the root group is empty" "" "$(cat $group/cgroup.procs)"
same "all processes are in one below it" 0::/k3sbox "$(cat /proc/$sleeper/cgroup)"
has "the controllers are passed on" "$(cat $group/cgroup.subtree_control)" cpu cpuset memory pids
has "doctor has no obstacle left there" "$(doctor)" "pass      cgroup-controllers" \
	"pass      cgroup-write" "result: a node with pods can run here"

mkdir -p /var/lib/b/rootfs/proc /var/lib/b/rootfs/sys /var/lib/b/rootfs/dev
cp /bin/busybox /var/lib/b/rootfs/
cp /etc/pod.json /var/lib/b/config.json
run "$K3SBOX" runc run -b /var/lib/b pod
same "a container runs in a group of its own, with its limits" \
	"0 0::/
104857600" "$rc $out"
rmdir $group/kubepods/besteffort/podX $group/kubepods/besteffort $group/kubepods

mkdir -p /opt/cni /run/cni
for p in bridge host-local loopback; do ln -s /bin/k3sbox /opt/cni/$p; done
unshare -n sleep 300 & pod=$!
sleep 0.5
cni() { # COMMAND PLUGIN
	CNI_COMMAND=$1 CNI_CONTAINERID=c1 CNI_NETNS=/proc/$pod/ns/net CNI_IFNAME=${3:-eth0} \
		CNI_PATH=/opt/cni /opt/cni/$2 <<J
{"cniVersion":"1.0.0","name":"n","type":"$2","bridge":"cni0","isGateway":true,"ipMasq":false,
"ipam":{"type":"host-local","ranges":[[{"subnet":"10.42.0.0/24"}]],"dataDir":"/run/cni"}}
J
}
has "loopback" "$(cni ADD loopback lo 2>&1)" 127.0.0.1
has "bridge" "$(cni ADD bridge 2>&1)" 10.42.0.2
has "the node reaches the pod" "$(ping -c 1 -W 5 10.42.0.2 2>&1)" "1 packets received"
same "deletion" "" "$(cni DEL bridge 2>&1)"
kill $pod
run "$K3SBOX" clean
same "clean" 0 "$rc"
same "the processes are back in the root group" "0::/ " \
	"$(cat /proc/$sleeper/cgroup) $(cat $group/cgroup.subtree_control)"
check "the group is gone" test ! -e $group/k3sbox
# A process that leaves the group again is no reason to fail; nor is a second init.
run "$K3SBOX" init -q --k3s /bin/k3s --data-dir /var/lib/k3s $to_k3s
run "$K3SBOX" init -q --k3s /bin/k3s --data-dir /var/lib/k3s $to_k3s
same "init twice" "0 0::/k3sbox" "$rc $(cat /proc/$sleeper/cgroup)"
"$K3SBOX" clean -q
same "and clean" "0::/" "$(cat /proc/$sleeper/cgroup)"
kill $sleeper
