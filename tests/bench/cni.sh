#!/bin/bash
# host-local against Debian's, natively and in gVisor; one machine, one run.
set -eu
K3SBOX=$(readlink -f "${K3SBOX:-build/k3sbox}")
: "${RIG:=$PWD/build/rig/bin}" "${N:=100}" "${LEASES:=2000}"
T=$(mktemp -d)
trap 'rm -rf "$T"' EXIT
mkdir "$T/bin" "$T/stores"
cp "$K3SBOX" "$T/bin/k3sbox"
ln -s k3sbox "$T/bin/host-local"
printf 'int main(void) { return 0; }\n' >"$T/empty.c"
musl-gcc -static -Os -o "$T/empty" "$T/empty.c"
musl-gcc -static -O2 -o "$T/cni" "$(dirname "$0")/cni.c"
echo "natively:"
"$T/cni" "$T/bin/host-local" /usr/lib/cni/host-local "$T/empty" "$N" "$LEASES" "$T/stores"
[ -x "$RIG/sandbox" ] || exit 0
echo "in gVisor:"
"$RIG/sandbox" --env E2 --share "$T" -- /bin/sh -c "mkdir /tmp/stores && exec $T/cni $T/bin/host-local /usr/lib/cni/host-local $T/empty $((N / 2)) $LEASES /tmp/stores"
