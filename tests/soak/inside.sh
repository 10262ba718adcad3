# Runs inside the sandbox for as long as that lives: a cluster, and batches of short pods while $DIR/go
# exists. It takes the measures that soak.sh judges. $DIR, $OPTS, $COUNT, $RIG and $TOP come from there;
# $DIR is shared with the machine outside.
export PATH=$DIR/bin:$RIG:$PATH
BATCH=20   # pods at once; each is a sandbox and four containers
k() { timeout 400 k3sbox kubectl "$@"; }
say() { echo "$*" >>"$DIR/log"; }
die() { say "failed: $*"; touch "$DIR/failed"; exit 1; }

# Calls with the same deadline: `soon 30 COMMAND…`.
soon() {
	local end=$((SECONDS + $1)); shift
	until "$@"; do [ $SECONDS -lt $end ] || return 1; sleep 0.5; done
}

count() { find "$@" 2>/dev/null | wc -l; }
# The supervisor and, with --no-mount, the interceptor.
ours() { find /proc/[0-9]*/exe -lname '*/k3sbox' 2>/dev/null | cut -d/ -f3; }
resident() {
	local p
	for p; do awk '$1 == "VmRSS:" {print $2}' "/proc/$p/status"; done |
		awk '{s += $1} END {print s + 0}'
}
descriptors() { local p; for p; do ls "/proc/$p/fd"; done 2>/dev/null | wc -l; }

# gVisor does not list its keys. No key can be made while the limit is not above their number, so the
# lowest limit at which one can be made tells it; the next measure subtracts that one key.
taken=0
keys() {
	local limit=/proc/sys/kernel/keys/maxkeys usual n
	if [ -e /proc/key-users ]; then
		awk '$1 == "0:" {split($3, a, "/"); print a[1]}' /proc/key-users
		return
	fi
	usual=$(cat $limit) || { echo -; return; }
	for n in $(seq "$usual"); do
		echo "$n" >$limit
		"$DIR/bin/guest" keyrings 1 | grep -q 'joined: 1' && break
	done
	echo "$usual" >$limit
	echo $((n - 1 - taken))
}

# The resident pod is all that is left. The kubelet removes the sandboxes and logs of deleted pods once a
# minute.
settled() {
	[ "$(pgrep -xc containerd-shim)" -le 1 ] && [ "$(ls /var/lib/kubelet/pods | wc -l)" -le 1 ] &&
		[ "$(count /var/log/pods -type f)" -le 1 ] && ! pgrep -x runc >/dev/null
}

memory() {
	awk '/^MemTotal/ {t = $2} /^MemFree/ {f = $2} END {print int((t - f) / 1024)}' /proc/meminfo
}

measure() { # DONE: one line of figures, in the order of ROWS in soak.sh
	local pids state=/run/k3s/containerd root=/var/lib/rancher/k3s/agent/containerd
	soon 120 settled || say "  not settled: $(pgrep -xc containerd-shim) shims," \
		"$(ls /var/lib/kubelet/pods | wc -l) pods, $(count /var/log/pods -type f) logs"
	pids=$(ours)
	{
		echo "$1"
		keys
		grep -c . /proc/self/mountinfo
		count /sys/fs/cgroup -type d
		ls /run/netns | wc -l
		ls -d /proc/[0-9]* | wc -l
		count /proc/[0-9]*/fd -lname '*inotify*'
		count /proc/[0-9]*/fd -type l
		descriptors $pids
		resident $pids
		count /run/k3sbox/cni /var/lib/cni -name '10.42.*'
		grep -c : /proc/net/dev
		count /run -xdev
		ls /var/lib/kubelet/pods | wc -l
		count /var/log/pods -type f
		ls -d $root/io.containerd.snapshotter.v1.*/snapshots/* 2>/dev/null | wc -l
		ls -d $state/io.containerd.runtime.v2.task/k8s.io/* 2>/dev/null | wc -l
		du -k /var/lib/rancher/k3s/k3sbox/k3s.log | cut -f1
		memory
		bash -c 'echo $$'
	} | tr '\n' ' ' | sed 's/ $/\n/' >>"$DIR/measures"
	[ -e /proc/key-users ] || taken=$((taken + 1))
	say "  $(tail -n 1 "$DIR/measures")"
}

pods() { # NAME…
	for name; do
		printf -- '---\napiVersion: v1\nkind: Pod\n'
		printf 'metadata: {name: %s, labels: {app: soak}}\nspec:\n' "$name"
		printf '  restartPolicy: Never\n  terminationGracePeriodSeconds: 1\n  containers:\n'
		printf '  - {name: c%d, image: "hello:soak", imagePullPolicy: Never, args: ["true"]}\n' \
			1 2 3 4
	done
}

batch() { # FIRST: these pods run, end and are deleted
	pods $(seq -f "soak-%g" "$1" $(($1 + BATCH - 1))) | k create -f - >/dev/null || return 1
	k wait --for=jsonpath='{.status.phase}'=Succeeded pod -l app=soak --timeout=240s >/dev/null || {
		k get pod -l app=soak >>"$DIR/log" 2>&1
		k get events 2>&1 | grep Warning | tail -n 5 | cut -c1-400 >>"$DIR/log"
		return 1
	}
	k delete pod -l app=soak --timeout=240s >/dev/null
}

mkdir -p /var/lib/rancher/k3s/agent/images
cp "$DIR/hello.tar" /var/lib/rancher/k3s/agent/images/
k3sbox run -d $OPTS --timeout 120 >>"$DIR/log" 2>&1 || die "run -d"
k create -f "$TOP/tests/soak/resident.yaml" >>"$DIR/log" 2>&1
k wait --for=condition=Ready --timeout=90s pod/resident >>"$DIR/log" 2>&1 ||
	die "the resident pod is not ready"
touch "$DIR/up"
done=0
while [ ! -e "$DIR/quit" ]; do
	if [ ! -e "$DIR/go" ] || [ $done -ge "$COUNT" ]; then rm -f "$DIR/go"; sleep 1; continue; fi
	[ $done -gt 0 ] || { batch 0 && measure 0; }     # the first batch warms up
	batch $((done + 1)) || die "after $done containers"
	done=$((done + 5 * BATCH))
	measure $done
	echo $done >"$DIR/done"
done
k3sbox stop >>"$DIR/log" 2>&1
k3sbox clean >>"$DIR/log" 2>&1
touch "$DIR/stopped"
