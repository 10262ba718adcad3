# Sourced by inside.sh where the node has namespaces of its own: Services without kube-proxy.
k create -f tests/e2e/services.yaml >/dev/null
run k rollout status deployment/names --timeout=120s
same "three pods that tell their names become ready" 0 "$rc"
who() { k exec hello -- /guest who "$@" 2>&1; }
who_outside() { "${GUEST:-$TOP/build/guest/guest}" who "$@" 2>&1; }
distinct() { sort -u | grep -c '^names-'; }
check "a Service is there soon after its endpoints" wait_until 10 sh -c '[ "$(k3sbox kubectl exec hello -- /guest who tcp 10.43.0.80 80 9 | sort -u | grep -c ^names-)" = 3 ]'
same "ClusterIP, TCP: all endpoints have their turn" 3 "$(who tcp 10.43.0.80 80 9 | distinct)"
same "ClusterIP, UDP" 3 "$(who udp 10.43.0.80 80 9 | distinct)"
same "from the node" 3 "$(k3sbox enter "$TOP/build/guest/guest" who tcp 10.43.0.80 80 9 | distinct)"
same "session affinity: one endpoint" 1 "$(who tcp 10.43.0.82 80 6 | distinct)"
same "a Service without endpoints is refused" "refused refused" "$(who tcp 10.43.0.83 80) $(k3sbox enter "$TOP/build/guest/guest" who tcp 10.43.0.83 80)"
same "and so are a pod's datagrams to it" refused "$(who udp 10.43.0.83 80)"
same "node port on the node, TCP and UDP" "3 3" "$(who tcp 10.42.0.1 30080 9 | distinct) $(who udp 10.42.0.1 30080 9 | distinct)"
own=$(ip -4 -o addr show | awk '$2 != "lo" {sub("/.*", "", $4); print $4; exit}')
own=${own:-127.0.0.1}
same "node port from outside, TCP and UDP" "3 3" "$(who_outside tcp "$own" 30080 9 | distinct) $(who_outside udp "$own" 30080 9 | distinct)"
same "load balancer's port from outside, TCP and UDP" "3 3" "$(who_outside tcp "$own" 18080 9 | distinct) $(who_outside udp "$own" 18080 9 | distinct)"
if [ "$own" != 127.0.0.1 ]; then
	check "the load balancer has this machine's address" wait_until 15 sh -c "[ \"\$(k3sbox kubectl get service names-out -o jsonpath='{.status.loadBalancer.ingress[0].ip}')\" = $own ]"
	same "which pods can use" 3 "$(who tcp "$own" 18080 9 | distinct)"
fi
has "its health check" "$(curl -s -m 5 -w ' %{http_code}' "http://$own:$(k get service names-out -o jsonpath='{.spec.healthCheckNodePort}')/healthz" 2>&1)" '"localEndpoints": 3' " 200"
has "status tells where it is reached" "$(k3sbox status)" "outside:     default/names-out at $own:18080/TCP,$own:30080/TCP,$own:18080/UDP"
same "as JSON" default/names-out "$(k3sbox status -o json | jq -r '.services[].name')"
run k3sbox services
has "services lists them" "$out" "default/names-out" "3/3" "0/0" "$own:18080/TCP" 10.43.0.82
same "as JSON" "LoadBalancer 3/3" "$(k3sbox services -o json | jq -r '.services[] | select(.name == "default/names-out") | .type + " " + .ready')"

k exec hello -- /guest who flow 10.43.0.80 80 20 >"$T/flow" 2>&1 & flow=$!
wait_until 10 grep -q names- "$T/flow"
first=$(head -n 1 "$T/flow")
k delete pod "$first" --wait=true >/dev/null
check "an endpoint that goes gets no more connections" wait_until 10 sh -c "! k3sbox kubectl exec hello -- /guest who tcp 10.43.0.80 80 9 | grep -q $first"
wait $flow
check "a flow of datagrams moves to another endpoint" test "$(grep ^names- "$T/flow" | tail -n 1)" != "$first"
kill -9 "$(pgrep -f 'netd --channel' | head -n 1)"
killed=$(date +%s%N)
until who_outside tcp "$own" 30080 | grep -q ^names-; do [ $(($(date +%s%N) - killed)) -lt 20000000000 ] || break; done
echo "     Services are back $((($(date +%s%N) - killed) / 1000000)) ms after kill -9 of netd"
check "netd serves them again after kill -9" test "$(who_outside tcp "$own" 30080 9 | distinct)" -ge 2
k delete -f tests/e2e/services.yaml --wait=false >/dev/null
check "a Service that is deleted is no more" wait_until 10 sh -c '! k3sbox kubectl exec hello -- /guest who tcp 10.43.0.80 80 | grep -q names-'
