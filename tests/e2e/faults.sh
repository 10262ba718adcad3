# Part of inside.sh: what becomes of a cluster in namespaces of its own whose parts are killed.
k3s_pid() { k3sbox status -o json | jq .k3sPid; }
phase_is() { [ "$(k3sbox status -o json | jq -r .phase)" = "$1" ]; }
of_hello() { k get pod hello -o jsonpath='{.status.containerStatuses[0].containerID} {.status.containerStatuses[0].restartCount}'; }
container=$(of_hello) killed=$(k3s_pid) began=$SECONDS
rm -r /etc/cni/net.d
k3sbox enter kill -KILL "$killed"
check "a k3s that is killed is noticed" wait_until 5 phase_is starting
check "and started again, without a hand" wait_until 90 phase_is ready
echo "back after $((SECONDS - began)) s"
same "pods have gone on meanwhile" "$container" "$(of_hello)"
has "they can be reached" "$(k exec hello -- /busybox id 2>&1)" "uid=0"
check "a CNI configuration that was removed is there again" wait_until 15 test -s /etc/cni/net.d/10-k3sbox.conflist
has "crictl speaks to its containerd, in its namespaces" "$(k3sbox crictl ps 2>&1)" hello Running
k3sbox enter kill -STOP "$(k3s_pid)"
k3sbox enter pkill -KILL -x pause
run k3sbox status
has "status tells how often k3s ended, why, and that it does not answer now" "$rc $out" "0 " "restarts:    1, " \
	"killed by signal 9" "API:         not ready: k3s does not answer: a signal has stopped it"
