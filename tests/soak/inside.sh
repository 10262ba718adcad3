# Runs inside the sandbox for as long as that lives: a cluster, and batches of short pods while $DIR/go
# exists. It takes the measures that soak.sh judges. $DIR, $OPTS, $COUNT, $RIG and $TOP come from there;
# $DIR is shared with the machine outside.
export DIR PATH=$DIR/bin:$RIG:$PATH
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

# The resident pod is all that is left. The kubelet removes the sandboxes and logs of deleted pods once a
# minute.
settled() {
	[ "$(pgrep -xc containerd-shim)" -le 1 ] && [ "$(ls /var/lib/kubelet/pods | wc -l)" -le 1 ] &&
		[ "$(count /var/log/pods -type f)" -le 1 ] && ! pgrep -x runc >/dev/null
}

taken=0
measure() { # DONE
	soon 120 settled || say "  not settled: $(pgrep -xc containerd-shim) shims," \
		"$(ls /var/lib/kubelet/pods | wc -l) pods, $(count /var/log/pods -type f) logs"
	${world:+k3sbox enter} bash "$TOP/tests/soak/measure.sh" "$1" $taken >>"$DIR/measures"
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
world=$(grep -o 'namespaces of its own' "$DIR/log")
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
