#!/bin/sh
# In the virtual machine, outside of the container: the kernel's own root group,
# a group that is given some controllers only, and AppArmor.
. /etc/lib.sh
K3SBOX=/bin/k3sbox SUITE="vm cgroup v2"
doctor() { "$K3SBOX" doctor --k3s /bin/k3s -- --system-default-registry=127.0.0.1:1; }
root=$(doctor)
has "the kernel's own root group can pass controllers on" "$root" "pass      cgroup-controllers" \
	"pass      cgroup-write"
same "doctor leaves that as it is" "" "$(cat /sys/fs/cgroup/cgroup.subtree_control)"
mkdir /sys/fs/cgroup/part
echo "+memory +pids" >/sys/fs/cgroup/cgroup.subtree_control
sh -c 'echo $$ >/sys/fs/cgroup/part/cgroup.procs; exec /usr/bin/unshare -Cm sh -c "
	umount /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup
	/bin/k3sbox doctor --k3s /bin/k3s -- --system-default-registry=127.0.0.1:1"' >/run/part
has "controllers that the group above withholds are named, with the cause" "$(cat /run/part)" \
	"rejected  cgroup:" "controller cpu is not in" "Delegate=yes"
rmdir /sys/fs/cgroup/part
echo "-memory -pids" >/sys/fs/cgroup/cgroup.subtree_control

# AppArmor, which this kernel has. containerd uses it where there is a parser.
: >/sbin/apparmor_parser
has "AppArmor can be used" "$(doctor | grep apparmor)" "pass      apparmor"
without="/usr/bin/setpriv --bounding-set -mac_admin --inh-caps -mac_admin"
has "without CAP_MAC_ADMIN it cannot, and containerd is told" \
	"$($without "$K3SBOX" doctor --k3s /bin/k3s -- --system-default-registry=127.0.0.1:1 |
		grep -A 2 apparmor)" warning "-> flag: tell containerd" "-> OCI shim: drop AppArmor"
mkdir -p /c/b/rootfs/proc /c/b/rootfs/sys /c/b/rootfs/dev
cp /bin/busybox /c/b/rootfs/
sed 's/"cwd":/"apparmorProfile":"cri-containerd.apparmor.d",&/' /etc/pod.json >/c/b/config.json
run runc run -b /c/b a
has "a profile that is not loaded ends a container" "$rc $err" "1 " apparmor
echo apparmor >/run/rules
run env K3SBOX_SHIM=/run/rules "$K3SBOX" runc run -b /c/b b
has "the shim drops it" "$rc $out" "0 0::/"
rm -r /sbin/apparmor_parser /c/b
