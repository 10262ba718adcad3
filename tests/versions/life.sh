# The body of versions.sh, in the place of k3s: a container's life through each runc and each
# containerd in $VERSIONS. Prints one line for each: PASS or FAIL, its name, and the first failure.
cd /tmp || exit 1
D=$(mktemp -d)
SHIM=/run/k3sbox/bin/crun
[ -x $SHIM ] || SHIM=runc
mkdir -p "$D/rootfs"
cp /bin/busybox "$D/rootfs/"

# What the kubelet and containerd ask for: the pod's cgroup, limits, masked paths, default mounts.
cat >"$D/config.json" <<'J'
{"ociVersion":"1.0.2","hostname":"pod","root":{"path":"rootfs"},
"process":{"user":{"uid":0,"gid":0},"cwd":"/","env":["PATH=/"],"oomScoreAdj":1000,
	"args":["/busybox","sleep","300"],"noNewPrivileges":true,
	"capabilities":{"bounding":["CAP_KILL","CAP_CHOWN","CAP_NET_RAW"],
		"effective":["CAP_KILL","CAP_CHOWN","CAP_NET_RAW"],
		"permitted":["CAP_KILL","CAP_CHOWN","CAP_NET_RAW"]}},
"mounts":[{"destination":"/proc","type":"proc","source":"proc",
		"options":["nosuid","noexec","nodev"]},
	{"destination":"/dev","type":"tmpfs","source":"tmpfs",
		"options":["nosuid","strictatime","mode=755","size=65536k"]},
	{"destination":"/dev/pts","type":"devpts","source":"devpts",
		"options":["nosuid","noexec","newinstance","ptmxmode=0666","mode=0620"]},
	{"destination":"/dev/shm","type":"tmpfs","source":"shm",
		"options":["nosuid","noexec","nodev","mode=1777","size=65536k"]},
	{"destination":"/sys","type":"sysfs","source":"sysfs",
		"options":["nosuid","noexec","nodev","ro"]}],
"linux":{"namespaces":[{"type":"pid"},{"type":"ipc"},{"type":"uts"},{"type":"mount"}],
	"cgroupsPath":"/kubepods/besteffort/podID/ID",
	"resources":{"devices":[{"allow":false,"access":"rwm"}],"cpu":{"shares":2}},
	"maskedPaths":["/proc/acpi","/proc/kcore","/proc/keys","/proc/scsi","/sys/firmware"],
	"readonlyPaths":["/proc/bus","/proc/fs","/proc/irq","/proc/sys","/proc/sysrq-trigger"]}}
J

# step NAME COMMAND…: runs it unless one has failed; its output is in $D/out
step() {
	[ -z "$bad" ] || return
	what=$1; shift
	case $1 in soon) limit= ;; *) limit="timeout 30" ;; esac
	$limit "$@" >"$D/out" 2>&1 </dev/null || bad="$what: status $?: $(tail -c 400 "$D/out" |
		tr '\n' ' ')"
}
# says WANT: the output of the last step
says() {
	[ -n "$bad" ] || [ "$(cat "$D/out")" = "$1" ] || bad="$what: $(tail -c 400 "$D/out")"
}
soon() { for _ in $(seq 100); do "$@" && return; sleep 0.1; done; return 1; }
result() { if [ "$bad" ]; then echo "FAIL $1: $bad"; else echo "PASS $1"; fi; }

runc_life() {   # DIRECTORY
	bad=
	id=c-${1##*/}
	rm -rf "$D/bundle" "$D/rootfs/out"; mkdir "$D/bundle"
	sed "s|ID|$id|g; s|\"rootfs\"|\"$D/rootfs\"|" "$D/config.json" >"$D/bundle/config.json"
	r() { PATH=$1:$PATH "$SHIM" --root "$D/state" "${@:2}"; }
	export -f r; export SHIM D
	step create bash -c 'r "$@" >/dev/null' - "$1" create --bundle "$D/bundle" $id
	step start bash -c 'r "$@"' - "$1" start $id
	# as containerd does: the caller waits for the process, not runc
	step exec bash -c 'r "$@"' - "$1" exec --detach $id /busybox sh -c \
		'echo in $(/busybox id -u) >/out'
	step "exec's output" soon grep -qx "in 0" "$D/rootfs/out"
	step kill bash -c 'r "$@"' - "$1" kill $id KILL
	step end soon bash -c 'r "$@" 2>/dev/null | grep -q stopped' - "$1" state $id
	step delete bash -c 'r "$@"' - "$1" delete $id
	PATH=$1:$PATH "$SHIM" --root "$D/state" delete --force $id >/dev/null 2>&1
	result "${1##*/}"
}

containerd_life() {   # DIRECTORY
	bad=
	cd=$D/${1##*/}   # its own: in E4 not all of another one's can be removed
	ctr="$1/ctr -a $cd/sock"
	# Since 2.0 ctr leaves imports to a service that has no platform without CRI.
	case $1 in */containerd-1.*) version=2 local= ;; *) version=3 local=--local ;; esac
	mkdir -p "$cd"
	cat >"$cd/config.toml" <<Y
version = $version
root = "$cd/root"
state = "$cd/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images",
	"io.containerd.cri.v1.runtime"]
[grpc]
address = "$cd/sock"
[ttrpc]
address = "$cd/ttrpc"
Y
	PATH=$1:$PATH "$1/containerd" -c "$cd/config.toml" >"$cd/log" 2>&1 & pid=$!
	step "answer" soon sh -c "$ctr version | grep -q Server"
	step import $ctr image import $local --snapshotter native "$IMAGE"
	image=$($ctr image ls -q | tail -n 1)
	step run $ctr run -d --net-host --snapshotter native --runc-binary "$SHIM" "$image" one \
		/busybox sleep 300
	step exec sh -c "$ctr tasks exec --exec-id e one /busybox echo in 2>/dev/null"
	says in
	step kill $ctr tasks kill -s KILL one
	step end soon sh -c "! $ctr tasks ls 2>/dev/null | grep -q RUNNING"
	step "remove the task" $ctr tasks rm one
	step "remove the container" $ctr containers rm one
	[ -z "$bad" ] || bad="$bad; $(grep -h 'level=\(error\|fatal\)' "$cd/log" | tail -n 1 |
		cut -c1-300)"
	kill $pid; wait $pid 2>/dev/null
	rm -rf "$cd"
	result "${1##*/}"
}

for v in "$VERSIONS"/*; do
	case ${v##*/} in
	runc-* | crun-*) runc_life "$v" ;;
	containerd-*) containerd_life "$v" ;;
	esac
done
