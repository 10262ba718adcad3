#!/bin/bash
# soak.sh [results]; with the word, no run is made or continued, only the results are written.
# Long runs: SOAK_COUNT containers (of short pods, four in each, with their sandboxes) in each of
# SOAK_ENVS, and what has run out or grown meanwhile. SOAK_JOBS environments run at once. SOAK_SLICE
# seconds limit one run; the next one continues as long as the sandboxes live. Results:
# tests/soak/RESULTS.md.
set -eu
: "${RIG:=$PWD/build/rig/bin}" "${K3SBOX:=$PWD/build/k3sbox}" "${GUEST:=$PWD/build/guest/guest}"
: "${SOAK_COUNT:=1000}" "${SOAK_SLICE:=0}" "${SOAK_JOBS:=1}"
: "${SOAK_ENVS:=E10 E2 E1}" "${SOAK_DIR:=$PWD/build/soak}"

# quantity, growth allowed per 100 containers (-: for information), what it is
ROWS='keys 0.5 keys of root (gVisor: at most 200 in all)
mounts 0.2 mounts of the sandbox
cgroups 0.2 cgroup directories
netns 0.2 network namespaces in /run/netns
processes 0.5 processes
inotify 0.5 inotify instances
descriptors 5 descriptors of all processes
supervisor-descriptors 0.1 descriptors of `k3sbox run` (with the interceptor, if any)
supervisor-rss-kib 10 its resident memory, KiB
leases 0.2 addresses leased to pods
links 0.2 network links
run-files 1 files below /run
kubelet-pods 0.2 directories of pods in /var/lib/kubelet
pod-logs 0.2 files in /var/log/pods
snapshots 0.2 snapshots of containerd
containerd-tasks 0.2 directories of tasks in /run/k3s/containerd
k3s-log-kib - log of k3s, KiB
memory-mib - memory in use in the sandbox or machine, MiB
last-pid - number of the newest process'

alive() { [ -e "$1/pid" ] && kill -0 "$(cat "$1/pid")" 2>/dev/null; }
total() { cat "$1/done" 2>/dev/null || echo 0; }

start() { # ENV[:OPTION] DIR
	local env=${1%%:*} opts=
	[ "$env" = "$1" ] || { opts=${1#*:}; opts=${opts//+/ }; }
	rm -rf "$2"
	mkdir -p "$2/bin"
	# copies: the tree may be built again while this runs
	cp "$K3SBOX" "$2/bin/k3sbox"
	cp "$GUEST" "$2/bin/guest"
	cp tests/soak/*.sh tests/soak/resident.yaml "$2/bin/"
	"$K3SBOX" image pack --tag hello:soak --entrypoint /busybox /bin/busybox \
		-o "$2/hello.tar" >/dev/null
	# It outlives this script, so it must not keep a lock that the caller holds.
	setsid "$RIG/sandbox" --env "$env" --name "soak-${env,,}" --share "$2" \
		--set "DIR=$2" --set "OPTS=$opts" --set "COUNT=$SOAK_COUNT" --set "RIG=$RIG" \
		-- bash "$2/bin/inside.sh" >"$2/output" 2>&1 </dev/null \
		3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- &
	echo $! >"$2/pid"
}

# Shows what the sandbox logs until the goal, a failure or the slice's end.
slice() { # ENV DIR
	local shown=0 end=$((SECONDS + ${SOAK_SLICE:-0})) lines
	touch "$2/go"
	while alive "$2" && [ ! -e "$2/failed" ]; do
		[ "$(total "$2")" -lt "$SOAK_COUNT" ] || [ -e "$2/go" ] || break
		[ "$SOAK_SLICE" = 0 ] || [ $SECONDS -lt $end ] || break
		lines=$(cat "$2/log" 2>/dev/null | wc -l)
		[ "$lines" -le $shown ] || sed -n "$((shown + 1)),${lines}s/^/$1: /p" "$2/log"
		shown=$lines
		sleep 1
	done
	rm -f "$2/go"
	echo "$1: $(total "$2") of $SOAK_COUNT containers"
}

finish() { # DIR
	touch "$1/quit"
	for _ in $(seq 60); do [ -e "$1/stopped" ] || ! alive "$1" && break; sleep 1; done
	! alive "$1" || kill "$(cat "$1/pid")"
}

# One table: the first, the middle and the last measure, and the slope of a straight line through all
# but the first.
table() { # MEASURES
	awk -v rows="$ROWS" '
	{ n++; for (i = 1; i <= NF; i++) v[n, i] = $i }
	END {
		if (n < 3) { print "Too few measures for a verdict."; exit 1 }
		mid = int((n + 1) / 2)
		printf "| quantity | at %s | at %s | at %s | ", v[1, 1], v[mid, 1], v[n, 1]
		print "per 100 | allowed | verdict |"
		print "|---|---:|---:|---:|---:|---:|---|"
		m = split(rows, row, "\n")
		for (r = 1; r <= m; r++) {
			split(row[r], f, " "); what = substr(row[r], length(f[1]) + length(f[2]) + 3)
			c = r + 1; sx = sy = sxx = sxy = 0
			for (j = 2; j <= n; j++) {
				x = v[j, 1] / 100; y = v[j, c]
				sx += x; sy += y; sxx += x * x; sxy += x * y
			}
			k = n - 1; d = k * sxx - sx * sx; slope = d ? (k * sxy - sx * sy) / d : 0
			# counted at the end only: as if the run had left all of them
			if (v[n - 1, c] == "-") slope = v[n, c] / (v[n, 1] / 100)
			verdict = f[2] == "-" ? "" : slope <= f[2] ? "steady" : "**grows**"
			if (verdict ~ /grows/) bad++
			printf "| %s | %s | %s | %s | %+.2f | %s | %s |\n",
				what, v[1, c], v[mid, c], v[n, c], slope, f[2], verdict
		}
		print ""
		print bad ? "Verdict: " bad " grow." : "Verdict: nothing grows."
		exit bad > 0
	}' "$1"
}

title() {
	case $1 in
	E1) echo "natively (E1)" ;;
	E2) echo "in gVisor (E2)" ;;
	E10) echo "in gVisor with Docker's capabilities (E10)" ;;
	E2:*) echo "in gVisor (E2), run with ${1#*:}" ;;
	*) echo "in $1" ;;
	esac
}

# 0: the run is complete. 1: it failed. 2: the slice is over.
run_in() { # ENV[:OPTION]
	local dir=$SOAK_DIR/${1/:/}
	[ ! -e "$dir/stopped" ] || return 0
	if ! alive "$dir" || [ -e "$dir/failed" ]; then start "$1" "$dir"; fi
	slice "$1" "$dir"
	if [ -e "$dir/failed" ] || ! alive "$dir"; then
		echo "$1: failed; see $dir/log and $dir/output"
		finish "$dir"
		return 1
	fi
	[ "$(total "$dir")" -ge "$SOAK_COUNT" ] || return 2
	finish "$dir"
}

# run_all ENV…: at most SOAK_JOBS at once. The worst status is the result.
run_all() {
	local env status=0 running=0
	one_ended() { local s=0; wait -n || s=$?; running=$((running - 1)); [ $s -le $status ] || status=$s; }
	for env; do
		[ $running -lt "$SOAK_JOBS" ] || one_ended
		run_in "$env" &
		running=$((running + 1))
	done
	while [ $running -gt 0 ]; do one_ended; done
	return $status
}

status=0
[ "${1-}" = results ] || run_all $SOAK_ENVS || status=$?
[ $status != 2 ] || echo "the same command continues"
{
	echo "# Long runs: results"
	echo
	echo "Written by \`make soak\`; HACKING.md says what it does. When a measure is taken, all pods of"
	echo "the batch have ended and are deleted."
	for env in $SOAK_ENVS; do
		dir=$SOAK_DIR/${env/:/}
		printf '\n## %s containers %s\n\n' "$(total "$dir")" "$(title "$env")"
		[ ! -e "$dir/failed" ] || printf 'Broke off: %s.\n\n' "$(grep '^failed: ' "$dir/log")"
		table "$dir/measures" || :
	done
} >tests/soak/RESULTS.md
cat tests/soak/RESULTS.md
[ $status = 2 ] || ! grep -qE 'Broke off|\*\*grows|Too few' tests/soak/RESULTS.md || status=1
exit $status
