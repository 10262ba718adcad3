# Sourced by tests/*.test (bash). Each test prints one line: PASS, FAIL or SKIP, its name, and why.
# $K3SBOX is the binary under test, $T a fresh directory that is removed at the end.
set -u
: "${K3SBOX:=$PWD/build/k3sbox}"
export K3SBOX_MIRROR=https://127.0.0.1:1   # where no k3s is found, none is looked for on the internet
SUITE=$(basename "$0" .test)
T=$(mktemp -d) || exit 1
at_exit() { :; }            # a test file may define its own; runs before $T goes
trap 'at_exit; rm -rf "$T"' EXIT
trap 'exit 130' INT TERM

pass() { echo "PASS $SUITE: $1"; }
fail() { echo "FAIL $SUITE: $1: $2" | tr '\n' ' '; echo; }
skip() { echo "SKIP $SUITE: $1: $2"; }

# run CMD…: leaves stdout in $out, stderr in $err, exit status in $rc
run() {
	rc=0
	"$@" >"$T/.out" 2>"$T/.err" </dev/null || rc=$?
	out=$(cat "$T/.out") err=$(cat "$T/.err")
}

# check NAME CONDITION…: passes if the command (usually `test …`) succeeds; what run() saw is shown
# otherwise
check() {
	name=$1; shift
	if "$@"; then pass "$name"; else fail "$name" "[$*] rc=${rc-} out=${out-} err=${err-}" | cut -c1-1000; fi
}

# same NAME WANT GOT
same() {
	if [ "$2" = "$3" ]; then pass "$1"; else fail "$1" "want «$2», got «$3»"; fi
}

# has NAME TEXT PART…: every part occurs in the text
has() {
	name=$1 text=$2; shift 2
	for part; do
		case $text in *"$part"*) ;; *) fail "$name" "«$part» is not in «$text»"; return 1 ;; esac
	done
	pass "$name"
}

# fits SCHEMA JSON: the answer is as dist/schema has it
fits() {
	same "its JSON is as the schema says" "" "$([ "$2" ] || echo no answer
		printf '%s\n' "$2" | jq -r -f tests/schema.jq --slurpfile schema "dist/schema/$1.json" 2>&1)"
}

# misuse_of APPLET: an operand that it does not take, and an unknown option
misuse_of() {
	run "$K3SBOX" "$1" surplus
	same "an unexpected argument is misuse" 100 "$rc"
	has "and is named, with where help is" "$err" "'surplus'" "--help"
	run "$K3SBOX" "$1" --nonesuch
	same "an unknown option is misuse" 100 "$rc"
	has "and is named" "$err" "'--nonesuch'"
}

# in_sandbox: runs the test file once more inside the rig's E1, whose mounts, processes and files
# are its own, and ends with that.
in_sandbox() {
	[ -z "${RIG_ENV-}" ] || return 0
	: "${RIG:=$PWD/build/rig/bin}"
	if [ ! -x "$RIG/sandbox" ]; then
		fail "the rig" "it is not built: make rig"
		exit 1
	fi
	"$RIG/sandbox" --env E1 --set "K3SBOX=$(readlink -f "$K3SBOX")" --set "ASAN_OPTIONS=${ASAN_OPTIONS-}" -- \
		bash -c 'cd "$1" && exec bash "$2"' - "$PWD" "$0"
	exit
}
