#!/bin/bash
# host-local against Debian's: store on disk and in memory (as in /run, where k3sbox's own
# configuration has it), and in gVisor; one machine, one run. On disk, a part of ADD is the creation
# of a file by the file system, the same for both.
set -eu
K3SBOX=$(readlink -f "${K3SBOX:-build/k3sbox}")
: "${RIG:=$PWD/build/rig/bin}" "${N:=100}" "${LEASES:=2000}"
T=$(mktemp -d) M=$(mktemp -d -p /dev/shm)
trap 'rm -rf "$T" "$M"' EXIT
mkdir "$T/bin" "$T/stores"
cp "$K3SBOX" "$T/bin/k3sbox"
ln -s k3sbox "$T/bin/host-local"
printf 'int main(void) { return 0; }\n' >"$T/empty.c"
musl-gcc -static -Os -o "$T/empty" "$T/empty.c"
musl-gcc -static -O2 -o "$T/cni" "$(dirname "$0")/cni.c"
bench="$T/cni $T/bin/host-local /usr/lib/cni/host-local $T/empty"
sync   # so that no pending writes disturb the measurement
echo "CNI, store on disk:"
$bench "$N" "$LEASES" "$T/stores"
echo "CNI, store in memory:"
$bench "$N" "$LEASES" "$M"
echo "CNI in gVisor:"
"$RIG/sandbox" --env E2 --share "$T" -- /bin/sh -c "mkdir /tmp/stores && exec $bench $((N / 2)) $LEASES /tmp/stores"
