# A container's life (create, start, exec, kill, delete) through each version of runc, crun and
# containerd, below `k3sbox run`: with its namespaces, mounts, shim rules and interceptor.
# VERSIONS_ENVS and VERSIONS_ONLY (a pattern) choose; the table is printed.
. "$(dirname "$0")/../lib.sh"
: "${RIG:=$PWD/build/rig/bin}" "${VERSIONS_ONLY:=*}"
: "${VERSIONS_ENVS:=E1 E2 E2:--namespaces=no E2:--no-mount E4 E10}"
mkdir "$T/bin" "$T/out" "$T/versions"
ln -s "$K3SBOX" "$T/bin/k3sbox"
ln -s "$PWD/tests/versions/k3s" "$T/bin/k3s"
for v in "$RIG"/versions/$VERSIONS_ONLY; do
	case $v in *.new) ;; *) cp -a "$v" "$T/versions/" ;; esac
done
"$K3SBOX" image pack --tag hello:v --entrypoint /busybox /bin/busybox -o "$T/hello.tar" || exit 1
for item in $VERSIONS_ENVS; do
	env=${item%%:*} opts=${item#"$env"} opts=${opts#:}
	SUITE="versions $env${opts:+ $opts}"
	out=$T/out/$env$opts
	"$RIG/sandbox" --env "$env" --share "$T" --set "TOP=$PWD" --set "OUT=$out" \
		--set "VERSIONS=$T/versions" --set "IMAGE=$T/hello.tar" \
		-- bash -c \
		"export PATH=$T/bin:$RIG:\$PATH; k3sbox run $opts --wait=none" >"$T/log" 2>&1
	grep -q . "$out" 2>/dev/null || { fail "k3s is started" "$(tail -n 5 "$T/log")"; continue; }
	sed -n "s/^\(PASS\|FAIL\) /\1 $SUITE: /p" "$out" | tr -d '\r'
done
