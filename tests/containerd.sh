# Sourced by tests that need the rig's containerd: without CRI, with its state in $T/cd. Call
# containerd_stop in at_exit.
containerd_pid=

# containerd_start: waits until it answers
containerd_start() {
	mkdir -p "$T/cd"
	cat >"$T/cd/config.toml" <<Y
version = 3
root = "$T/cd/root"
state = "$T/cd/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.cri.v1.images", "io.containerd.cri.v1.runtime"]
[grpc]
address = "$T/cd/sock"
[ttrpc]
address = "$T/cd/ttrpc"
Y
	PATH=$RIG:$PATH "$RIG/containerd" -c "$T/cd/config.toml" >"$T/cd/log" 2>&1 &
	containerd_pid=$!
	for _ in $(seq 200); do
		ctr version | grep -q Server && return
		sleep 0.1
	done
	cat "$T/cd/log"
	return 1
}

containerd_stop() {
	[ -z "$containerd_pid" ] || { kill "$containerd_pid"; wait "$containerd_pid"; } 2>/dev/null
	containerd_pid=
}

# ctr ARG…: stdout and stderr together, without containerd's warnings about cgroup v1
ctr() { "$RIG/ctr" -a "$T/cd/sock" "$@" 2>&1 | grep -v DEPRECATION; }
