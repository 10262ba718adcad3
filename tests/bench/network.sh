#!/bin/bash
# The network of a node in namespaces of its own: pod to pod, node to pod, pod to outside; MB/s of
# one stream, µs for a byte there and back, connections a second. In gVisor with Docker's default
# capabilities (E10) and natively (E1), against the same topology built by hand, against the sandbox
# without k3sbox, and natively against Debian's bridge plugin and slirp4netns. Then 10,000
# connections through netd, or as many as it accepts from one pod (15 % of its descriptors). There
# is no kubelet: pods are namespaces that the CNI plugin connects. Medians of ${RUNS:-5} runs that
# take turns, with the least and the most.
set -eu
PORT=17000
median='{v[++n] = $1} END {if (n) printf "%s %s %s", v[int((n + 1) / 2)], v[1], v[n]; else print "- - -"}'
serve() { nsenter --net="/run/netns/$1" "$W/network" serve "$2" $PORT >/dev/null & }
namespace() { ip netns add "$1"; ip -n "$1" link set lo up; }
cni() { # DIRECTORY NAME CONFIGURATION
	env -i PATH="$PATH" CNI_COMMAND=ADD CNI_CONTAINERID="$2" CNI_NETNS="/run/netns/$2" CNI_IFNAME=eth0 CNI_PATH="$1" "$1/bridge" <<<"$3" >"$W/cni.out" ||
		{ cat "$W/cni.out" >&2; exit 1; }
}
ipam() { echo "\"ipam\":{\"type\":\"host-local\",\"ranges\":[[{\"subnet\":\"$1.0/24\",\"rangeStart\":\"$1.5\"}]],\"dataDir\":\"/run/$1\"}"; }

# ---- in the world: makes pods, then measures what it is told: NAMESPACE METRIC ADDRESS SPAN ----
if [ "${PART-}" = world ]; then
	for p in p1 p2; do
		namespace $p
		cni "$W/bin" $p "{\"cniVersion\":\"1.0.0\",\"name\":\"b\",\"type\":\"bridge\",\"netns\":\"/run/netns/k3sbox-switch\",\"bridge\":\"switch\",\"gateway\":\"10.42.0.1\",$(ipam 10.42.0)}"
	done
	# the same by hand, h0 being the node
	for n in hand h0 h1 h2; do namespace $n; done
	ip -n hand link add hand type bridge; ip -n hand link set hand up
	for i in 0 1 2; do
		ip -n hand link add port$i mtu 65000 type veth peer name eth0 mtu 65000 netns h$i
		ip -n hand link set port$i master hand; ip -n hand link set port$i up
		ip -n h$i addr add 10.99.0.$((i + 4))/24 dev eth0; ip -n h$i link set eth0 up
	done
	serve p2 10.42.0.6; serve h2 10.99.0.6
	netd=$(pgrep -f '[n]etd --channel' | head -n 1)
	ticks() { awk '{print $14 + $15}' "/proc/$netd/stat"; }
	rss() { awk '/^VmRSS/ {print $2}' "/proc/$netd/status"; }
	sleep 0.5; echo ready
	while read -r where metric address amount; do
		case $metric in
		hold)
			before=$(rss)
			nsenter --net="/run/netns/$where" "$W/network" hold "$address" $PORT "$amount" >"$W/held" 2>&1 & load=$!
			until [ -s "$W/held" ]; do sleep 0.2; done
			during=$(rss); sleep 1; t=$(ticks); sleep 10
			echo "$(head -n 1 "$W/held") of $amount connections open with a limit of $(awk '/open files/ {print $4}' "/proc/$netd/limits") descriptors, netd $before KiB before and $during KiB with them, $(($(ticks) - t)) ticks of processor time in 10 s"
			kill $load ;;
		*) if [ $where = node ]; then "$W/network" "$metric" "$address" $PORT "$amount"; else nsenter --net="/run/netns/$where" "$W/network" "$metric" "$address" $PORT "$amount"; fi || echo - ;;
		esac
	done
	exit
fi

# ---- in a sandbox, outside of the world ----
if [ "${PART-}" = sandbox ]; then
	coproc WORLD { PART=world "$W/world" "$W/bin/k3sbox" "exec bash '$0'" --inside=10.43.0.0/16 2>"$W/world.err"; }
	read -r line <&"${WORLD[0]}" && [ "$line" = ready ] || { cat "$W/world.err" >&2; exit 1; }
	inside() { echo "$*" >&"${WORLD[1]}"; read -r got <&"${WORLD[0]}"; echo "$got"; }
	ways="pod-pod:k3sbox pod-pod:by-hand node-pod:k3sbox node-pod:by-hand pod-outside:k3sbox pod-outside:no-k3sbox"
	if [ -z "${WORLD_USER-}" ]; then
		echo 1 >/proc/sys/net/ipv4/ip_forward
		for p in d1 d2; do
			namespace $p
			cni /usr/lib/cni $p "{\"cniVersion\":\"1.0.0\",\"name\":\"d\",\"type\":\"bridge\",\"bridge\":\"cni9\",\"isDefaultGateway\":true,\"ipMasq\":true,$(ipam 10.98.0)}"
		done
		serve d2 10.98.0.6
		ways="$ways pod-pod:Debian-bridge node-pod:Debian-bridge pod-outside:Debian-bridge"
		namespace slirp
		nsenter --net=/run/netns/slirp sleep 100000 & holder=$!
		sleep 0.2
		if slirp4netns --configure --mtu=65520 $holder tap0 >"$W/slirp" 2>&1 & slirp=$!; sleep 1; kill -0 $slirp; then ways="$ways pod-outside:slirp4netns"; else cat "$W/slirp" >&2; fi
		sleep 0.5
	fi
	measure() { # WAY METRIC
		case $1 in
		pod-pod:k3sbox) inside p1 "$2" 10.42.0.6 "$SPAN" ;;
		node-pod:k3sbox) inside node "$2" 10.42.0.6 "$SPAN" ;;
		pod-outside:k3sbox) inside p1 "$2" "$RIG_HOST_IP" "$SPAN" ;;
		pod-pod:by-hand) inside h1 "$2" 10.99.0.6 "$SPAN" ;;
		node-pod:by-hand) inside h0 "$2" 10.99.0.6 "$SPAN" ;;
		pod-outside:no-k3sbox) "$W/network" "$2" "$RIG_HOST_IP" $PORT "$SPAN" ;;
		pod-pod:Debian-bridge) nsenter --net=/run/netns/d1 "$W/network" "$2" 10.98.0.6 $PORT "$SPAN" ;;
		node-pod:Debian-bridge) "$W/network" "$2" 10.98.0.6 $PORT "$SPAN" ;;
		pod-outside:Debian-bridge) nsenter --net=/run/netns/d1 "$W/network" "$2" "$RIG_HOST_IP" $PORT "$SPAN" ;;
		pod-outside:slirp4netns) nsenter --net=/run/netns/slirp "$W/network" "$2" "$RIG_HOST_IP" $PORT "$SPAN" ;;
		esac || echo -
	}
	for i in $(seq "$RUNS"); do
		for metric in stream rr crr; do
			for way in $ways; do echo "$way $metric $(measure "$way" $metric)"; done
		done
	done
	echo "flows: $(inside p1 hold "$RIG_HOST_IP" "$FLOWS")"
	kill $WORLD_PID ${slirp-} ${holder-} 2>/dev/null || :
	exit
fi

# ---- outside ----
: "${RUNS:=5}" "${SPAN:=1}" "${FLOWS:=10000}" "${RIG:=$PWD/build/rig/bin}" "${K3SBOX:=$PWD/build/k3sbox}" "${BUILD:=$PWD/build}" "${WHERE:=E10 E1}"
dist/need slirp4netns=slirp4netns /usr/lib/cni/bridge=containernetworking-plugins
W=$(mktemp -d)
chmod 755 "$W"
mkdir "$W/bin"
cp "$K3SBOX" "$W/bin/k3sbox"
for a in bridge host-local; do ln -s k3sbox "$W/bin/$a"; done
cp "$BUILD/netd/world" "$W/world"
musl-gcc -std=c11 -O2 -static -o "$W/network" tests/bench/network.c
"$W/network" serve 0.0.0.0 $PORT >"$W/server" & server=$!
trap 'kill $server; rm -rf "$W"' EXIT
until [ -s "$W/server" ]; do sleep 0.1; done
for env in $WHERE; do
	user=1 title="gVisor, Docker's default capabilities"
	[ "$env" != E1 ] || user= title=native
	"$RIG/sandbox" --env "$env" --share "$W" --set "W=$W" --set PART=sandbox --set "RUNS=$RUNS" --set "SPAN=$SPAN" --set "FLOWS=$FLOWS" --set "WORLD_USER=$user" \
		--set "TOP=$PWD" -- bash -c 'cd "$TOP"; [ "$WORLD_USER" ] || unset WORLD_USER; exec bash tests/bench/network.sh' </dev/null >"$W/out"
	echo "network, $title, $RUNS runs on $(nproc) processors: median (least to most)"
	printf '  %-12s %-14s %32s %32s %32s\n' "" "" "MB/s" "µs there and back" "connections/s"
	for way in $(awk '/:/ && !seen[$1]++ && $1 != "flows:" {print $1}' "$W/out"); do
		printf '  %-12s %-14s' "${way%%:*}" "${way#*:}"
		base=$(case $way in pod-outside:*) echo pod-outside:no-k3sbox ;; *) echo "${way%%:*}:by-hand" ;; esac)
		for metric in stream rr crr; do
			of() { awk -v w="$1" -v m=$metric '$1 == w && $2 == m && $3 != "-" {print $3}' "$W/out" | sort -n | awk "$median"; }
			read -r m least most <<<"$(of "$way")"; read -r b _ <<<"$(of "$base")"
			printf ' %32s' "$m ($least to $most) × $(awk -v m="$m" -v b="$b" 'BEGIN {if (b > 0) printf "%.2f", m / b; else print "-"}')"
		done
		echo
	done
	sed -n 's/^flows: /  through netd: /p' "$W/out"
done
