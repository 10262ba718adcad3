#!/bin/bash
# RIG: a whole cluster in a container on cgroup version 2 (E7), in the virtual machine. Not a part of
# `make test`: emulated it takes minutes. MEMORY and SECONDS_MAX: of the machine.
cd "$(dirname "$0")/../.." || exit 1
. tests/lib.sh
: "${RIG:=$PWD/build/rig/bin}" "${VM:=$PWD/build/vm}" "${GUEST:=$PWD/build/guest/guest}"
"$K3SBOX" image pack --tag hello:e2e --entrypoint /busybox /bin/busybox "$GUEST" -o "$T/hello.tar" ||
	exit 1
files=()
for part in k3s kube containerd containerd-shim-runc-v2 ctr runc crictl flanneld busybox; do
	files+=("$RIG/$part=/rig/$part")
done
for part in "$RIG"/cni/*; do files+=("$part=/rig/cni/${part##*/}"); done
for part in /usr/lib/x86_64-linux-gnu/xtables/*.so; do files+=("$part=$part"); done
bash tests/vm/image.sh "$T" "$VM" 3G "$K3SBOX=/bin/k3sbox" "$RIG/runc" "${files[@]}" \
	/usr/sbin/xtables-nft-multi=/usr/sbin/xtables-nft-multi \
	tests/vm/box.sh=/bin/test.sh tests/vm/cluster.sh=/bin/inside.sh tests/lib.sh=/etc/lib.sh \
	tests/vm/link.sh=/etc/link.sh \
	tests/vm/container.json=/etc/container.json "$T/hello.tar=/etc/hello.tar" \
	tests/e2e/hello.yaml=/etc/hello.yaml
start=$SECONDS
sh tests/vm/boot.sh "$T" "$VM" "${MEMORY:-4G}" "${SECONDS_MAX:-1500}" | sed -u 's|\r$||' |
	tee "$T/console"
echo "the machine ran for $((SECONDS - start)) s, $(cat "$VM/accel")"
check "the container ended" grep -q '^the container ended with status 0' "$T/console"
! grep -q '^FAIL' "$T/console"
