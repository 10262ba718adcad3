# Where no node can run (a container without CAP_SYS_ADMIN): a clear refusal, and the control plane
# alone.
cd "$TOP" || exit 1
. tests/lib.sh
SUITE="e2e $ENV"
export PATH=$BIN:$RIG:$PATH

run k3sbox init --mode node
same "init --mode node is refused" 1 "$rc"
has "the message names what is missing and what to do" "$err" "mount(2)" "Operation not permitted" CAP_SYS_ADMIN
run k3sbox run -d --mode node
same "run --mode node is refused" 1 "$rc"
same "nothing was started" "" "$(pgrep -f 'k3s server')"
run k3sbox init
same "init" 0 "$rc"
has "init explains the consequence" "$err" "only a control plane can run here"
run k3sbox run -d --timeout 90
same "run" 0 "$rc"
has "the control plane is ready" "$out" "control plane alone" "API ready"
# the API server makes this namespace once it is ready
for _ in $(seq 30); do run k3sbox kubectl get ns; [ "$rc" != 0 ] || break; sleep 0.3; done
has "the API answers" "$out$err" kube-system
run k3sbox status
same "status" 0 "$rc"
run k3sbox stop
same "stop" 0 "$rc"
same "stop leaves no process" "" "$(pgrep -fa 'kube|k3s server' | grep -v e2e)"
run k3sbox clean
same "clean" 0 "$rc"
