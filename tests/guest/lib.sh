# Sourced after tests/lib.sh by the interceptor's tests: the guest program, and bare against
# intercepted.
G=$PWD/build/guest/guest
[ -x "$G" ] || make -s -f Makefile -f tests/guest/guest.mk build/guest/guest || fail guest \
	"does not build"
# A seeded sysctl that only the first network namespace has; the tests that name it start over in
# another one.
SEED=/proc/sys/net/core/devconf_inherit_init_net

# under [OPTION…] -- CMD…: intercepted, with a time limit
under() { timeout 60 "$K3SBOX" intercept "$@"; }

# Everything on, nothing that the guest would meet: what is not named by a rule must look the same.
ALL="--seeds k3s --map /none/at/all=$T --statfs /none=ext4 --fstype nosuchfs=ext4"
ALL="$ALL --propagation --mounts --cgroup --subreaper --runc"

# parity NAME CMD…: the guest's output and status, bare and intercepted ($ALL, $MODE)
parity() {
	name=$1; shift
	timeout 60 "$G" "$@" >"$T/bare" 2>&1 </dev/null; bare=$?
	under $ALL ${MODE-} -- "$G" "$@" >"$T/traced" 2>&1 </dev/null; rc=$?
	if [ $bare = $rc ] && cmp -s "$T/bare" "$T/traced"; then pass "$name"
	else fail "$name" "status $bare and $rc: $(diff "$T/bare" "$T/traced" | head -n 8)"; fi
}

# sees NAME OPTIONS WANT CMD…: what the guest prints intercepted
sees() {
	name=$1 options=$2 want=$3; shift 3
	same "$name" "$want" "$(under $options ${MODE-} -- "$G" "$@" 2>&1 </dev/null)"
}
