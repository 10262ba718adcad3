#!/bin/bash
# What the OCI shim adds to `create`, compared with a shell script that does a part of it with jq;
# one machine, one run. The real runc is replaced by a program that ends at once, and called alone
# too, so that its start can be subtracted.
set -eu
K3SBOX=$(readlink -f "${K3SBOX:-build/k3sbox}")
N=${N:-200}
T=$(mktemp -d -p /dev/shm)   # bundles lie on a tmpfs (/run)
trap 'rm -rf "$T"' EXIT
mkdir "$T/b" "$T/bin"
mkdir "$T/link" && ln -s "$K3SBOX" "$T/link/runc"
# in place of the real runc: a static program that does nothing
printf 'int main(void) { return 0; }\n' >"$T/true.c"
musl-gcc -static -Os -o "$T/bin/runc" "$T/true.c"
cat >"$T/wrapper" <<'X'
#!/bin/bash
a=("$@"); for ((i=0;i<$#;i++)); do [ "${a[i]}" = --bundle ] && B=${a[i+1]}; done
case " $* " in *" create "*) jq 'del(.linux.maskedPaths)|del(.linux.readonlyPaths)' "$B/config.json" >"$B/c.new" && mv "$B/c.new" "$B/config.json";; esac
X
echo "exec $T/bin/runc \"\$@\"" >>"$T/wrapper"
chmod +x "$T/wrapper"
printf 'runc %s\nmasked-paths\nsysctl\noom-score\nno-new-keyring\n' "$T/bin/runc" >"$T/rules"
export K3SBOX_SHIM=$T/rules

# A pod container's configuration: about what containerd writes, with 100 variables of services.
env=$(for i in $(seq 100); do printf '"SERVICE_%d_PORT_443_TCP_ADDR=10.43.%d.%d",' "$i" "$i" "$i"; done)
caps='"CAP_CHOWN","CAP_DAC_OVERRIDE","CAP_FSETID","CAP_FOWNER","CAP_MKNOD","CAP_NET_RAW","CAP_SETGID","CAP_SETUID","CAP_SETFCAP","CAP_SETPCAP","CAP_NET_BIND_SERVICE","CAP_SYS_CHROOT","CAP_KILL","CAP_AUDIT_WRITE"'
mounts=$(for i in $(seq 12); do printf '{"destination":"/volume/%d","type":"bind","source":"/var/lib/kubelet/pods/0/volumes/%d","options":["rbind","rprivate","rw"]},' "$i" "$i"; done)
cat >"$T/config.json" <<X
{"ociVersion":"1.2.1","process":{"user":{"uid":0,"gid":0,"additionalGids":[0]},"args":["/app","--flag"],"env":[${env%,}],"cwd":"/","capabilities":{"bounding":[$caps],"effective":[$caps],"permitted":[$caps]},"oomScoreAdj":-998},"root":{"path":"rootfs"},"hostname":"pod","mounts":[${mounts}{"destination":"/proc","type":"proc","source":"proc"},{"destination":"/sys","type":"sysfs","source":"sysfs","options":["nosuid","noexec","nodev","ro"]}],"annotations":{"io.kubernetes.cri.container-type":"container"},"linux":{"resources":{"devices":[{"allow":false,"access":"rwm"}],"memory":{"limit":0},"cpu":{"shares":2,"period":100000}},"cgroupsPath":"/kubepods/besteffort/pod0/c","sysctl":{"net.ipv4.ip_unprivileged_port_start":"0"},"namespaces":[{"type":"pid"},{"type":"ipc","path":"/proc/1/ns/ipc"},{"type":"mount"}],"maskedPaths":["/proc/asound","/proc/acpi","/proc/kcore","/proc/keys","/proc/latency_stats","/proc/timer_list","/proc/timer_stats","/proc/sched_debug","/proc/scsi","/sys/firmware","/sys/devices/virtual/powercap"],"readonlyPaths":["/proc/bus","/proc/fs","/proc/irq","/proc/sys","/proc/sysrq-trigger"]}}
X


musl-gcc -static -O2 -o "$T/loop" "$(dirname "$0")/shim.c"
# time N PROGRAM…: each gets the unedited configuration; calls alternate, so that load on the
# machine affects all alike
measure() {
	n=$1; shift
	"$T/loop" "$n" "$T/config.json" "$T/b/config.json" "$@" -- \
		--root "$T" --log "$T/log" --log-format json create --bundle "$T/b" --pid-file "$T/pid" ID
}
row() { printf '%-28s %7s µs, adds %6s   %7s µs of processor time, adds %6s\n' "$1" "$2" $(($2 - bare)) "$3" $(($3 - bare_cpu)); }
printf 'create, %d bytes of configuration, medians of %d calls\n' "$(stat -c %s "$T/config.json")" "$N"
{ read -r bare bare_cpu; read -r shim shim_cpu; } < <(measure "$N" "$T/bin/runc" "$T/link/runc")
grep -q '"/sys/firmware","type":"tmpfs"' "$T/b/config.json" || { echo "the shim edited nothing"; exit 1; }
row "an empty static program" "$bare" "$bare_cpu"
row "shim, 4 rules" "$shim" "$shim_cpu"
echo "runc $T/bin/runc" >"$T/rules"
{ read -r bare bare_cpu; read -r pass pass_cpu; } < <(measure "$N" "$T/bin/runc" "$T/link/runc")
row "shim, no rules" "$pass" "$pass_cpu"
command -v jq >/dev/null || exit 0
{ read -r bare bare_cpu; read -r jq jq_cpu; } < <(measure $((N / 10 + 1)) "$T/bin/runc" "$T/wrapper")
row "bash and jq, 2 deletions" "$jq" "$jq_cpu"
echo "jq's share is $(((jq - bare) / (shim - bare + 1))) × the shim's"
