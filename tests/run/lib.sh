# Sourced, after lib.sh and in the rig's E1, by tests of applets that need a k3s which runs:
# tests/run/k3s plays it, as $FAKE says.
export FAKE_DIR=$T/fake FAKE=silent PATH=$PWD/tests/run:$PATH
export HTTPS_PROXY=http://127.0.0.1:1   # refused at once: no probe waits for a registry
mkdir "$FAKE_DIR"
state() { sed -n "s/^$1 //p" /run/k3sbox/state; }
pid_of() { state "$1" | cut -d' ' -f1; }
alive() { kill -0 "$1" 2>/dev/null && ! grep -q '^State:.*Z' "/proc/$1/status" 2>/dev/null; }
not() { ! "$@"; }
soon() { for i_ in $(seq 100); do "$@" && return; sleep 0.1; done; return 1; }
# start [OPTION…]: returns when the fake k3s has printed its first line
start() {
	"$K3SBOX" run -d --wait=none "$@" >/dev/null 2>"$T/start" || fail "run" "$(cat "$T/start")"
	soon grep -q "Starting the fake" "$(state log)"
}
