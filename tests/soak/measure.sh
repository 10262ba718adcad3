#!/bin/bash
# Runs where the node lives, in its own namespaces if it has some; $DIR comes from inside.sh.
# measure.sh settled | unsettled: has the last batch gone, and if not, what is left.
# measure.sh measure DONE COUNT: one line of figures, in the order of ROWS in soak.sh.
count() { find "$@" 2>/dev/null | wc -l; }
# The supervisor and, with --no-mount, the interceptor.
ours() { find /proc/[0-9]*/exe -lname '*/k3sbox' 2>/dev/null | cut -d/ -f3; }
resident() {
	local p
	for p; do awk '$1 == "VmRSS:" {print $2}' "/proc/$p/status"; done |
		awk '{s += $1} END {print s + 0}'
}
descriptors() { local p; for p; do ls "/proc/$p/fd"; done 2>/dev/null | wc -l; }

# gVisor does not list its keys. No key can be made while the limit is not above their number, so
# the lowest limit at which one can be made tells it; each measure leaves one key, which is
# subtracted. The limit cannot be set from a user namespace. There the keys are counted once, at the
# end, by making keys until none can be made.
keys() { # DONE COUNT
	local limit=/proc/sys/kernel/keys/maxkeys usual n
	if [ -e /proc/key-users ]; then
		awk '$1 == "0:" {split($3, a, "/"); print a[1]}' /proc/key-users
		return
	fi
	usual=$(cat $limit) || { echo -; return; }
	if ! echo "$usual" 2>/dev/null >$limit; then
		[ "$1" -ge "$2" ] || { echo -; return; }
		n=$("$DIR/bin/guest" keyrings "$usual" | sed -n 's/^joined: //p')
		echo $((usual - n))
		return
	fi
	for n in $(seq "$usual"); do
		echo "$n" >$limit
		"$DIR/bin/guest" keyrings 1 | grep -q 'joined: 1' && break
	done
	echo "$usual" >$limit
	echo $((n - 1 - $(wc -l <"$DIR/measures")))
}

memory() {
	awk '/^MemTotal/ {t = $2} /^MemFree/ {f = $2} END {print int((t - f) / 1024)}' /proc/meminfo
}

state=/run/k3s/containerd
root=/var/lib/rancher/k3s/agent/containerd
measure() { # DONE COUNT
	local pids
	pids=$(ours)
	echo "$1"
	keys "$@"
	grep -c . /proc/self/mountinfo
	count /sys/fs/cgroup -type d
	ls /run/netns | wc -l
	ls -d /proc/[0-9]* | wc -l
	count /proc/[0-9]*/fd -lname '*inotify*'
	count /proc/[0-9]*/fd -type l
	descriptors $pids
	resident $pids
	count /run/k3sbox/cni /run/k3sbox-leases /var/lib/cni -name '10.42.*'
	grep -c : /proc/net/dev
	count /run -xdev
	ls /var/lib/kubelet/pods | wc -l
	count /var/log/pods -type f
	ls -d $root/io.containerd.snapshotter.v1.*/snapshots/* 2>/dev/null | wc -l
	ls -d $state/io.containerd.runtime.v2.task/k8s.io/* 2>/dev/null | wc -l
	du -k /var/lib/rancher/k3s/k3sbox/k3s.log | cut -f1
	memory
	bash -c 'echo $$'
}

# The resident pod is all that is left. The kubelet removes the sandboxes and logs of deleted pods
# once a minute.
settled() {
	[ "$(pgrep -xc containerd-shim)" -le 1 ] && ! pgrep -x runc >/dev/null &&
		[ "$(ls /var/lib/kubelet/pods | wc -l)" -le 1 ] &&
		[ "$(count /var/log/pods -type f)" -le 1 ]
}
unsettled() {
	echo "$(pgrep -xc containerd-shim) shims," \
		"$(ls /var/lib/kubelet/pods | wc -l) pods, $(count /var/log/pods -type f) logs"
}

case $1 in
measure) measure "$2" "$3" | tr '\n' ' ' | sed 's/ $/\n/' ;;
*) "$1" ;;
esac
