# Sourced by inside.sh where the node has namespaces of its own: what pods, the node and the outside can reach.
same "the node is not in this network namespace" "" "$(ip link show cni0 2>/dev/null)"
has "enter runs a command in its namespaces" "$(k3sbox enter ip -4 addr show cni0 2>&1)" "10.42.0.1/24"
run k3sbox enter sh -c 'cat; exit 7' <<<"from outside"
same "enter: input, output and exit status are the command's" "7 from outside" "$rc $(k3sbox enter sh -c 'cat; exit 7' <<<"from outside")"

k create -f tests/e2e/web.yaml >/dev/null
run k wait --for=condition=Ready --timeout=60s pod/web
same "a pod with an HTTP probe becomes ready" 0 "$rc"
web=$(k get pod web -o jsonpath='{.status.podIP}')
inner() { k exec hello -- /busybox "$@" 2>&1; }
same "pod to pod, TCP" "web page" "$(inner wget -qO- "http://$web:8080/index.html")"
ask() { k exec hello -- /guest ask "$@" 2>&1; }
same "pod to pod, UDP" answered "$(ask udp "$web" 9000 2000)"
same "pod to node" 0 "$(inner sh -c 'nc -w 3 10.42.0.1 10250 </dev/null; echo $?')"
same "pod to the API server's Service" 0 "$(inner sh -c 'nc -w 3 10.43.0.1 443 </dev/null; echo $?')"
same "an address of the Services without a Service is refused at once" 1 "$(inner sh -c 'timeout 3 wget -qO- http://10.43.0.77/ >/dev/null 2>&1; echo $?')"

same "hostPort from outside" "web page" "$(curl -s -m 5 http://127.0.0.1:18088/index.html 2>&1)"
same "hostPort from a pod, TCP and UDP" "web page answered" "$(inner wget -qO- http://10.42.0.1:18088/index.html) $(ask udp 10.42.0.1 19000 2000)"

# A server of the sandbox, outside of the cluster's namespaces. k3sbox's own address there is the first one that is no loopback.
address=$(ip -4 -o addr show | awk '$2 != "lo" {sub("/.*", "", $4); print $4; exit}')
mkdir -p "$T/www"
echo "outside page" >"$T/www/index.html"
busybox httpd -f -p "${address:-127.0.0.1}:18080" -h "$T/www" &
httpd=$!
if [ "$address" ]; then
	same "pod to the outside" "outside page" "$(inner wget -qO- "http://$address:18080/index.html")"
	same "node to the outside" "outside page" "$(k3sbox enter busybox wget -qO- "http://$address:18080/index.html" 2>&1)"
	has "the API server is there on the sandbox's address" "$(curl -sk -m 5 "https://$address:6443/version" 2>&1)" "Unauthorized"
	"$PWD/build/guest/guest" serve 18082 >/dev/null &
	server=$!
	sleep 0.3
	same "datagrams of a pod and of the node to the outside" "answered answered" \
		"$(ask udp "$address" 18082 2000) $(k3sbox enter "$PWD/build/guest/guest" ask udp "$address" 18082 2000 2>&1)"
	kill $server
	pinged() { grep -c '^64 bytes from'; }
	router=$(ip route | awk '/^default/ {print $3; exit}')   # gVisor does not answer for its own address
	[ -z "$router" ] || same "echo: pod and node to the outside, pod to the node and to another pod" "2 2 2 2" "$(echo $(
		for to in "$router" 10.42.0.1 "$web"; do inner ping -c 2 -W 5 "$to" | pinged; done
		k3sbox enter "$PWD/build/rig/bin/busybox" ping -c 2 -W 5 "$router" 2>&1 | pinged))"
else
	skip "pod to the outside" "this sandbox has no address"
fi
has "the metadata service's address is refused before a connection" "$(inner wget -qO- http://169.254.169.254/)" "Connection refused"
kill $httpd

k port-forward pod/web 18081:8080 >/dev/null 2>&1 &
forward=$!
check "port-forward" wait_until 10 sh -c 'curl -s -m 3 http://127.0.0.1:18081/index.html | grep -q "web page"'
kill $forward
[ "$ENV" != E10 ] || . tests/e2e/dns.sh

netd() { pgrep -f 'netd --channel' | head -n 1; }
old=$(netd)
kill -9 "$old"
check "netd comes back after kill -9" wait_until 5 sh -c "p=\$(pgrep -f 'netd --channel' | head -n 1); [ \"\$p\" ] && [ \"\$p\" != $old ]"
check "and the API server can be reached again" wait_until 10 k3sbox kubectl get node
check "and the host port" wait_until 5 curl -s -m 3 http://127.0.0.1:18088/index.html
k delete pod web --wait=false >/dev/null
check "the port closes with its pod" wait_until 30 sh -c '! curl -s -m 3 http://127.0.0.1:18088/'

k create -f tests/e2e/many-http.yaml >/dev/null
run k rollout status deployment/many --timeout=240s
same "20 replicas with HTTP probes become ready" 0 "$rc"
same "each has its own address" 20 "$(k get pod -l app=many -o jsonpath='{range .items[*]}{.status.podIP}{"\n"}{end}' | sort -u | grep -c .)"
k delete deployment many --wait=false >/dev/null
check "and go again" wait_until 120 sh -c '[ -z "$(k3sbox kubectl get pod -l app=many -o name)" ]'
check "without leftovers: links" wait_until 30 sh -c '[ "$(k3sbox enter nsenter --net=/run/netns/k3sbox-switch ip -o link | grep -c veth)" = 1 ]'
check "without leftovers: leases" wait_until 30 sh -c '[ "$(k3sbox enter find /run/k3sbox-leases -name "10.42.*" | wc -l)" = 1 ]'
check "without leftovers: network namespaces" wait_until 30 sh -c '[ "$(k3sbox enter ls /run/netns | grep -c cni-)" = 1 ]'

supervisor=$(k3sbox status -o json | jq .pid)
kill -9 "$supervisor"
check "kill -9 of the supervisor: nothing of the world survives" wait_until 5 sh -c '! pgrep -f "[c]ontainerd|[k]ube|[n]etd|[/]pause"'
run k3sbox run -d $OPTS --timeout 120
same "and run starts again on the same data" 0 "$rc"
run k wait --for=condition=Ready --timeout=90s pod/hello
same "with its pod" 0 "$rc"
