#!/bin/bash
# Services: pod → ClusterIP → pod against pod → pod: MB/s of one stream, µs for a byte there and
# back, connections a second. In gVisor with Docker's default capabilities (E10) and natively (E1);
# natively also through rules as kube-proxy writes them for iptables, and through haproxy, between
# routed pods. There is no kubelet: pods are namespaces, and the API server says what files say
# (tests/netd/api.c). Medians of ${RUNS:-5} runs that take turns, with the least and the most; × is
# the median by that of the direct way in the same network.
set -eu
PORT=17000
median='{v[++n] = $1} END {if (n) printf "%s %s %s", v[int((n + 1) / 2)], v[1], v[n]; else print "- - -"}'
in_pod() { nsenter --net="/run/netns/$1" "${@:2}"; }
serve() { in_pod "$1" "$W/network" serve "$2" $PORT >/dev/null & }
namespace() { ip netns add "$1"; ip -n "$1" link set lo up; }
# NAMESPACE PORT POD ADDRESS GATEWAY: a pod, as one end of a veth pair
pod() {
	namespace "$3"
	ip -n "$1" link add "$2" mtu 65000 type veth peer name eth0 mtu 65000 netns "$3"
	ip -n "$1" link set "$2" up
	ip -n "$3" address add "$4/24" dev eth0
	ip -n "$3" link set eth0 up
	ip -n "$3" route add default via "$5"
}
await() { for _ in $(seq 300); do "$@" >/dev/null 2>&1 && return; sleep 0.05; done; echo "no answer: $*" >&2; return 1; }

cni() { # NAME ADDRESS: a port of the switch, by the CNI plugin
	namespace "$1"
	env -i PATH="$PATH" CNI_COMMAND=ADD CNI_CONTAINERID="$1" CNI_NETNS="/run/netns/$1" \
		CNI_IFNAME=eth0 CNI_PATH="$W/bin" "$W/bin/bridge" >"$W/cni.out" <<-CONFIG ||
	{"cniVersion":"1.0.0","name":"b","type":"bridge","netns":"/run/netns/k3sbox-switch",
	 "bridge":"switch","gateway":"10.42.0.1","ipam":{"type":"host-local","dataDir":"/run/leases",
	 "ranges":[[{"subnet":"10.42.0.0/24","rangeStart":"$2"}]]}}
	CONFIG
		{ cat "$W/cni.out" >&2; exit 1; }
}

# ---- in the world: pods, the Service, then what is asked: NAMESPACE METRIC ADDRESS SPAN ----
if [ "${PART-}" = world ]; then
	cni p1 10.42.0.5
	cni p2 10.42.0.6
	serve p2 10.42.0.6
	list() { echo "{\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[$1]}" >"$W/api/$2.list"; }
	list "{\"metadata\":{\"namespace\":\"d\",\"name\":\"web\"},\"spec\":{\"clusterIP\":\"10.43.0.80\",\"ports\":[{\"port\":$PORT}]}}" services
	list "{\"metadata\":{\"namespace\":\"d\",\"name\":\"w1\",\"labels\":{\"kubernetes.io/service-name\":\"web\"}},\"addressType\":\"IPv4\",\"ports\":[{\"port\":$PORT}],\"endpoints\":[{\"addresses\":[\"10.42.0.6\"]}]}" endpointslices
	list "{\"metadata\":{\"name\":\"n\"},\"status\":{\"addresses\":[{\"address\":\"10.42.0.1\"}]}}" nodes
	"$W/api-server" "$W/api" 6443 >/dev/null & api=$!
	await in_pod p1 "$W/network" rr 10.43.0.80 $PORT 0.01
	echo ready
	while read -r where metric address span; do
		in_pod "$where" "$W/network" "$metric" "$address" $PORT "$span" || echo -
	done
	kill $api
	exit
fi

# ---- in a sandbox, outside of the world ----
routed() { # pods on links of their own, a node between them
	namespace node
	in_pod node sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
	for i in 1 2; do
		pod node r$i r$i 10.97.$i.5 10.97.$i.1
		ip -n node address add 10.97.$i.1/24 dev r$i
	done
	serve r2 10.97.2.5
	ip -n node address add 10.96.0.81/32 dev lo
	printf '%s\n' defaults 'mode tcp' 'timeout connect 5s' 'timeout client 60s' \
		'timeout server 60s' 'listen web' "bind 10.96.0.81:$PORT" \
		"server a 10.97.2.5:$PORT" >"$W/haproxy.cfg"
	in_pod node haproxy -db -f "$W/haproxy.cfg" >/dev/null 2>&1 & haproxy=$!
	await in_pod r1 "$W/network" rr 10.96.0.81 $PORT 0.01
	in_pod node iptables-restore <<-RULES
	*nat
	:KUBE-SERVICES - [0:0]
	:KUBE-SVC-WEB - [0:0]
	:KUBE-SEP-WEB - [0:0]
	-A PREROUTING -j KUBE-SERVICES
	-A KUBE-SERVICES -d 10.96.0.80/32 -p tcp -m comment --comment d/web -m tcp --dport $PORT -j KUBE-SVC-WEB
	-A KUBE-SVC-WEB -m comment --comment d/web -j KUBE-SEP-WEB
	-A KUBE-SEP-WEB -p tcp -m comment --comment d/web -m tcp -j DNAT --to-destination 10.97.2.5:$PORT
	COMMIT
	RULES
}
if [ "${PART-}" = sandbox ]; then
	coproc WORLD { PART=world "$W/world" "$W/bin/k3sbox" "exec bash '$0'" --inside=10.43.0.0/16 \
		--map=10.43.0.1:443=127.0.0.1:6443 --kubeconfig="$W/kubeconfig" 2>"$W/world.err"; }
	read -r line <&"${WORLD[0]}" && [ "$line" = ready ] || { cat "$W/world.err" >&2; exit 1; }
	inside() { echo "$*" >&"${WORLD[1]}"; read -r got <&"${WORLD[0]}"; echo "$got"; }
	ways="k3sbox:direct k3sbox:ClusterIP"
	if [ -z "${WORLD_USER-}" ]; then
		routed
		ways="$ways routed:direct routed:iptables routed:haproxy"
	fi
	measure() { # WAY METRIC
		case $1 in
		k3sbox:direct) inside p1 "$2" 10.42.0.6 "$SPAN" ;;
		k3sbox:ClusterIP) inside p1 "$2" 10.43.0.80 "$SPAN" ;;
		routed:direct) in_pod r1 "$W/network" "$2" 10.97.2.5 $PORT "$SPAN" ;;
		routed:iptables) in_pod r1 "$W/network" "$2" 10.96.0.80 $PORT "$SPAN" ;;
		routed:haproxy) in_pod r1 "$W/network" "$2" 10.96.0.81 $PORT "$SPAN" ;;
		esac || echo -
	}
	for _ in $(seq "$RUNS"); do
		for metric in stream rr crr; do
			for way in $ways; do echo "$way $metric $(measure "$way" $metric)"; done
		done
	done
	kill $WORLD_PID ${haproxy-} 2>/dev/null || :
	exit
fi

# ---- outside ----
: "${RUNS:=5}" "${SPAN:=0.5}" "${RIG:=$PWD/build/rig/bin}" "${K3SBOX:=$PWD/build/k3sbox}"
: "${BUILD:=$PWD/build}" "${WHERE:=E10 E1}"
case $WHERE in *E1\ * | *E1) dist/need haproxy=haproxy iptables=iptables ;; esac
W=$(mktemp -d)
trap 'rm -rf "$W"' EXIT
chmod 755 "$W"
mkdir "$W/bin" "$W/api"
cp "$K3SBOX" "$W/bin/k3sbox"
for a in bridge host-local; do ln -s k3sbox "$W/bin/$a"; done
cp "$BUILD/netd/world" "$W/world"
cp "$BUILD/netd/api" "$W/api-server"
musl-gcc -std=c11 -O2 -static -o "$W/network" tests/bench/network.c
cat >"$W/kubeconfig" <<CONFIG
apiVersion: v1
kind: Config
current-context: c
clusters:
- name: c
  cluster:
    server: https://127.0.0.1:6443
    certificate-authority: $W/api/ca.crt
contexts:
- name: c
  context:
    cluster: c
    user: u
users:
- name: u
  user:
    token: t
CONFIG
for env in $WHERE; do
	user=1 title="gVisor, Docker's default capabilities"
	[ "$env" != E1 ] || user= title=native
	"$RIG/sandbox" --env "$env" --share "$W" --set "W=$W" --set PART=sandbox --set "RUNS=$RUNS" \
		--set "SPAN=$SPAN" --set "WORLD_USER=$user" --set "TOP=$PWD" -- bash -c \
		'cd "$TOP"; [ "$WORLD_USER" ] || unset WORLD_USER; exec bash tests/bench/services.sh' \
		</dev/null >"$W/out"
	echo "Services, $title, $RUNS runs on $(nproc) processors: median (least to most)"
	printf '  %-8s %-10s %32s %32s %32s\n' "" "" "MB/s" "µs there and back" "connections/s"
	for way in $(awk '!seen[$1]++ {print $1}' "$W/out"); do
		printf '  %-8s %-10s' "${way%%:*}" "${way#*:}"
		for metric in stream rr crr; do
			of() { awk -v w="$1" -v m=$metric '$1 == w && $2 == m && $3 != "-" {print $3}' "$W/out" | sort -n | awk "$median"; }
			read -r m least most <<<"$(of "$way")"; read -r b _ <<<"$(of "${way%%:*}:direct")"
			printf ' %32s' "$m ($least to $most) × $(awk -v m="$m" -v b="$b" 'BEGIN {if (b > 0) printf "%.2f", m / b; else print "-"}')"
		done
		echo
	done
done
