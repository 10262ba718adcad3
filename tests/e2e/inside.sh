# The main use, inside a sandbox: init, run, a pod, stop, clean. $ENV names the environment, $IMAGE
# is an archive of hello:e2e.
cd "$TOP" || exit 1
. tests/lib.sh
SUITE="e2e $ENV${OPTS:+ $OPTS}"
export PATH=$BIN:$RIG:$PATH
k() { k3sbox kubectl "$@"; }
mounts() { grep -oE ' (/run/k3s|/var/lib/kubelet|/var/lib/rancher|/run/netns)(/[^ ]*)? ' /proc/self/mountinfo; }
wait_until() { # SECONDS COMMAND…
	until_=$((SECONDS + $1)); shift
	until "$@" >/dev/null 2>&1; do [ $SECONDS -lt $until_ ] || return 1; sleep 0.3; done
}
logs_on_failure() {
	fail "what k3s complained of" "$(grep -hE 'level=(fatal|error)|^[EF][0-9]{4} |panic|timed out' \
		/var/lib/rancher/k3s/k3sbox/k3s.log 2>&1 | tail -n 8 | cut -c1-240)" | cut -c1-2000
	k3sbox logs -n 25 2>&1 | cut -c1-300
	tail -n 12 /var/lib/rancher/k3s/agent/containerd/containerd.log 2>/dev/null | cut -c1-300
}

if [ "$ENV" = E10 ]; then   # a DNS server of the sandbox
	build/guest/guest dns-server 127.0.0.1 >/dev/null &
	echo "nameserver 127.0.0.1" >/etc/resolv.conf
fi
before=$(mounts)   # of the sandbox itself
mkdir -p /var/lib/rancher/k3s/agent/images
cp "$IMAGE" /var/lib/rancher/k3s/agent/images/
run k3sbox status
same "status before anything: 3" 3 "$rc"
if [ "$ENV" != E3 ]; then   # there run alone must find the obstacles that show only after its own mounts
	run k3sbox init $OPTS
	same "init" 0 "$rc"
fi
run k3sbox run -d $OPTS --timeout 120
check "run -d returns when the node is ready" test "$rc" = 0
[ "$rc" = 0 ] || { logs_on_failure; exit 1; }
has "phases are printed" "$out" "API ready" "node sandbox Ready" "pods can be created"
phases=$out

same "node is Ready" True "$(k get node -o jsonpath='{.items[0].status.conditions[?(@.type=="Ready")].status}')"
run k create -f tests/e2e/hello.yaml
same "a pod can be created at once" 0 "$rc"
run k wait --for=condition=Ready --timeout=60s pod/hello
same "pod runs" 0 "$rc"
same "k3sbox wait sees it, too" "pods: ready" "$(k3sbox wait --for=pods --namespace=default --timeout=10 2>&1)"
case $phases$ENV in
*"namespaces of its own"*E2) k create -f tests/e2e/load.yaml >/dev/null ;;
*"namespaces of its own"*E10)
	sed "s|@PROGRAM@|$(readlink -f "$RIG/kube")|" tests/e2e/metrics-server.yaml >"$T/metrics-server.yaml"
	k create -f tests/e2e/load.yaml -f "$T/metrics-server.yaml" >/dev/null ;;
esac
has "its logs" "$(k logs hello 2>&1)" "hello from the pod"
has "exec in it" "$(k exec hello -- /busybox id 2>&1)" "uid=0"
same "it has an address of its own" yes "$(k get pod hello -o jsonpath='{.status.podIP}' | grep -q '^10\.42\.' && echo yes)"
same "a masked directory is empty in it" "" "$(k exec hello -- /busybox ls /sys/firmware 2>/dev/null)"
same "memory volume in it" tmpfs "$(k exec hello -- /busybox sh -c 'while read a b c d; do [ $b = /v ] && echo $c; done </proc/mounts' 2>/dev/null)"
traced=$(grep -l '^TracerPid:[[:space:]]*[1-9]' /proc/[0-9]*/status 2>/dev/null | wc -l)
if [ "$OPTS" = --no-mount ]; then
	check "the interceptor is at work ($traced processes)" test "$traced" -gt 5
	same "nothing is mounted below /proc" "" "$(grep -o ' /proc/[^ ]* ' /proc/self/mountinfo)"
else
	same "no process is traced" 0 "$traced"
fi
check "kubeconfig is for root alone" test "$(stat -c %a /etc/rancher/k3s/k3s.yaml)" = 600

run k3sbox run -d
same "a second run: success" 0 "$rc"
has "a second run finds the first" "$out$err" "already"
run k3sbox status -o json
same "status: 0" 0 "$rc"
same "its JSON reports API and node as ready" true "$(printf %s "$out" | jq '.api and .node' 2>&1)"
fits status "$out"
rss=$(awk '/^VmRSS/ {print $2}' "/proc/$(printf %s "$out" | jq -r .pid)/status" 2>/dev/null)
check "the supervisor is small (RSS ${rss:-?} KiB)" test "${rss:-9999}" -le 1536
run k3sbox kubeconfig
has "kubeconfig" "$out" "certificate-authority-data" "https://"

case $phases in *"namespaces of its own"*) world=1 ;; *) world= ;; esac
# E11 and E3 have the same netd as E10 and E2, so there it is enough that pods reach each other.
case $world$ENV in 1E10 | 1E2) . tests/e2e/services.sh; . tests/e2e/metrics.sh ;; esac
[ ! "$world" ] || . tests/e2e/network.sh
expected=$(case $ENV$OPTS in E2 | E3 | E10 | E11 | *--namespaces=yes) echo 1 ;; esac)
same "the node has namespaces of its own where it should" "$expected" "$world"

if [ "$ENV$OPTS" = E2--namespaces=no ]; then
	k create -f tests/e2e/many.yaml >/dev/null
	run k rollout status deployment/many --timeout=240s
	same "20 replicas become ready" 0 "$rc"
	same "each has its own address" 20 "$(k get pod -l app=many -o jsonpath='{range .items[*]}{.status.podIP}{"\n"}{end}' | sort -u | grep -c .)"
	k delete deployment many --wait=false >/dev/null
	check "and they are deleted again" wait_until 120 sh -c '[ -z "$(k3sbox kubectl get pod -l app=many -o name)" ]'
	check "without leftovers: processes" wait_until 30 sh -c '[ "$(pgrep -xc containerd-shim)" -le 1 ]'
	same "without leftovers: network namespaces" 1 "$(ls /run/netns /var/run/netns 2>/dev/null | grep cni- | sort -u | wc -l)"
	same "without leftovers: leases" 1 "$(find /run/k3sbox/cni -name '10.42.*' | wc -l)"
fi

[ "$ENV" != E10 ] || . tests/e2e/faults.sh
run k3sbox stop
same "stop" 0 "$rc"
same "status after it: 3" 3 "$(k3sbox status >/dev/null 2>&1; echo $?)"
same "stop leaves no process" "" "$(pgrep -fa 'containerd|kube|k3s (server|agent)|/pause|sleep 3600' | grep -v "e2e" | grep -v '^[0-9]* bash')"
same "stop leaves no mount" "$before" "$(mounts)"
same "nor a group of its own" "" "$(find /sys/fs/cgroup -name .k3sbox)"
run k3sbox stop
same "a second stop is a success" 0 "$rc"

run k3sbox run -d $OPTS --timeout 120
same "run on the same data" 0 "$rc"
run k wait --for=condition=Ready --timeout=90s pod/hello
same "brings the pod back" 0 "$rc"
has "with logs" "$(wait_until 30 sh -c 'k3sbox kubectl logs hello | grep -q hello'; k logs hello 2>&1)" "hello from the pod"
run k3sbox stop
run k3sbox clean
same "clean" "0 " "$rc $err"

if [ "$ENV$OPTS" = E2--namespaces=no ]; then
	rm -rf /var/lib/rancher /etc/rancher
	run k3sbox run -d --mode control-plane --wait=api --timeout 90
	same "control plane alone" 0 "$rc"
	[ "$rc" = 0 ] || logs_on_failure
	# The API server makes this namespace once it is ready.
	check "answers" wait_until 10 sh -c 'k3sbox kubectl get ns | grep -q kube-system'
	same "has no node" "" "$(k get node -o name 2>&1 | grep node/)"
	run k3sbox stop
	same "and stops" 0 "$rc"
fi
printf '%s\n' "$phases" | sed 's/^/phases: /'
