# Runs inside the sandbox for as long as that lives: a cluster, and batches of short pods while
# $DIR/go exists. It takes the measures that soak.sh judges. $DIR, $OPTS, $COUNT and $RIG come from
# there; $DIR is shared with the machine outside.
export DIR PATH=$DIR/bin:$RIG:$PATH
PODS=5   # at once, each a sandbox and four containers: four such waves are 100 containers
# On a busy machine the API may time out. What is asked here can be asked again.
k() {
	for _ in 1 2 3 4; do timeout 700 k3sbox kubectl "$@" && return; sleep 5; done
	return 1
}
say() { echo "$*" >>"$DIR/log"; }
die() { say "failed: $*"; touch "$DIR/failed"; exit 1; }

# Calls with the same deadline: `soon 30 COMMAND…`.
soon() {
	local end=$((SECONDS + $1)); shift
	until "$@"; do [ $SECONDS -lt $end ] || return 1; sleep 2; done
}

# In the node's own namespaces, if it has some, all of these have to be looked at there.
measure() { # DONE
	soon 120 inside settled || say "  not settled: $(inside unsettled)"
	inside measure "$1" "$COUNT" >>"$DIR/measures" 2>>"$DIR/log"
	say "  $(tail -n 1 "$DIR/measures")"
}
inside() { ${world:+k3sbox enter} bash "$DIR/bin/measure.sh" "$@"; }

pods() { # NAME…
	for name; do
		printf -- '---\napiVersion: v1\nkind: Pod\n'
		printf 'metadata: {name: %s, labels: {app: soak}}\nspec:\n' "$name"
		printf '  restartPolicy: Never\n  terminationGracePeriodSeconds: 1\n  containers:\n'
		printf '  - {name: c%d, image: "%s", imagePullPolicy: Never, args: ["true"]}\n' \
			1 hello:soak 2 hello:soak 3 hello:soak 4 hello:soak
	done
}

# What matters is what remains, not how long it takes. Many pods at once on a busy machine would
# make the kubelet give up waiting for containerd and begin again.
wave() { # FIRST: these pods run, end and are deleted
	pods $(seq -f "soak-%g" "$1" $(($1 + PODS - 1))) >"$DIR/pods.yaml"
	k apply -f "$DIR/pods.yaml" >/dev/null || return 1
	k wait --for=jsonpath='{.status.phase}'=Succeeded pod -l app=soak --timeout=600s >/dev/null ||
	{
		k get pod -l app=soak >>"$DIR/log" 2>&1
		k get events 2>&1 | grep Warning | tail -n 5 | cut -c1-400 >>"$DIR/log"
		return 1
	}
	k delete pod -l app=soak --ignore-not-found --timeout=600s >/dev/null
}
batch() { local i; for i in 0 1 2 3; do wave $(($1 + i * PODS)) || return 1; done; }

mkdir -p /var/lib/rancher/k3s/agent/images
cp "$DIR/hello.tar" /var/lib/rancher/k3s/agent/images/
k3sbox run -d $OPTS --timeout 600 -- --kubelet-arg=runtime-request-timeout=10m >>"$DIR/log" 2>&1 ||
	die "run -d"
world=$(grep -o 'namespaces of its own' "$DIR/log")
k apply -f "$DIR/bin/resident.yaml" >>"$DIR/log" 2>&1
k wait --for=condition=Ready --timeout=600s pod/resident >>"$DIR/log" 2>&1 ||
	die "the resident pod is not ready"
touch "$DIR/up"
# Five measures and the first one, as far as there are so many batches.
every=$((COUNT / 500 * 100))
[ $every -gt 0 ] || every=100
done=0
while [ ! -e "$DIR/quit" ]; do
	if [ ! -e "$DIR/go" ] || [ $done -ge "$COUNT" ]; then rm -f "$DIR/go"; sleep 1; continue; fi
	[ $done -gt 0 ] || { wave 0 && measure 0; } || die "the first pods"   # they warm up
	batch $((done + 1)) || die "after $done containers"
	done=$((done + 100))
	[ $((done % every)) -gt 0 ] && [ $done -lt "$COUNT" ] || measure $done
	say "$done containers after $SECONDS s"
	echo $done >"$DIR/done"
done
k3sbox stop >>"$DIR/log" 2>&1
k3sbox clean >>"$DIR/log" 2>&1
touch "$DIR/stopped"
