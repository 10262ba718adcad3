# Sourced by network.sh while the pods hello and web run: names, as a pod and the node resolve them. $web is web's address.
k create -f tests/e2e/dns.yaml >/dev/null
inner() { k exec hello -- /busybox "$@" 2>&1; }
check "a Service has a name" wait_until 15 sh -c 'k3sbox kubectl exec hello -- /guest resolve pet.pets | grep -q 10.42'
reverse=$(echo "$web" | awk -F. '{print $4 "." $3 "." $2 "." $1 ".in-addr.arpa"}')
answers=$(inner sh -c "/busybox cat /etc/resolv.conf
/guest resolve kubernetes kubernetes.default WEB web.default.svc pet.pets alias elsewhere www.example nothing web.nowhere
for how in udp tcp; do for name in web.default.svc.cluster.local elsewhere.default.svc.cluster.local www.example; do
	echo \$how \$name \$(/guest dns-ask \$how 10.43.0.10 \$name)
done; done
echo missing \$(/guest dns-ask udp 10.43.0.10 nothing.default.svc.cluster.local)
/busybox nslookup -type=srv _http._tcp.pets.default.svc.cluster.local
/busybox nslookup -type=ptr 90.0.43.10.in-addr.arpa
/busybox nslookup -type=ptr $reverse
/busybox nslookup -type=txt dns-version.cluster.local")
answers+="
gateway, node: $(k3sbox enter "$TOP/build/guest/guest" dns-ask udp 10.42.0.1 web.default.svc.cluster.local 2>&1)
gateway, pod: $(k exec hello -- /guest dns-ask udp 10.42.0.1 web.default.svc.cluster.local 2>&1)"
answered() { has "$1" "$answers" "$2"; }   # NAME TEXT
answered "kubelet names the cluster's DNS" "nameserver 10.43.0.10"
answered "and the search path" "search default.svc.cluster.local svc.cluster.local cluster.local"
answered "and ndots" "options ndots:5"
answered "the API's Service, by the search path" "kubernetes: 10.43.0.1"
answered "with its namespace" "kubernetes.default: 10.43.0.1"
answered "in capitals" "WEB: 10.43.0.90"
answered "with more of its name" "web.default.svc: 10.43.0.90"
answered "a pod by its hostname, below a headless Service" "pet.pets: $web"
answered "ExternalName in the cluster" "alias: 10.43.0.90"
answered "ExternalName outside" "elsewhere: 192.0.2.53"
answered "a name outside" "www.example: 192.0.2.53"
answered "a name that does not exist" "nothing: none"
answered "in a namespace that does not exist" "web.nowhere: none"
for how in udp tcp; do
	answered "$how: a Service" "$how web.default.svc.cluster.local code 0, 1 records, 10.43.0.90"
	answered "$how: ExternalName" "$how elsewhere.default.svc.cluster.local code 0, 2 records, 192.0.2.53"
	answered "$how: a name outside" "$how www.example code 0, 1 records, 192.0.2.53"
done
answered "the gateway answers the node" "gateway, node: code 0, 1 records, 10.43.0.90"
answered "and a pod" "gateway, pod: code 0, 1 records, 10.43.0.90"
answered "NXDOMAIN" "missing code 3, 0 records"
answered "SRV" "service = 0 100 8080 pet.pets.default.svc.cluster.local"
answered "PTR of a Service" "name = web.default.svc.cluster.local"
answered "PTR of a pod" "name = pet.pets.default.svc.cluster.local"
answered "the version of the specification" '"1.1.0"'
has "the node resolves names of the cluster" "$(k3sbox enter busybox nslookup -type=a web.default.svc.cluster.local 2>&1)" 10.43.0.90
k delete -f tests/e2e/dns.yaml --wait=false >/dev/null
