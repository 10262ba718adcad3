# gVisor of 2022: mounts do not propagate, cannot be remounted and are everybody's; process_vm_readv, cap_last_cap and much else is missing.
cd "$TOP" || exit 1
. tests/lib.sh
SUITE="e2e $ENV"
export PATH=$BIN:$RIG:$PATH

before=$(cat /proc/self/mountinfo)
run k3sbox doctor
same "doctor has a way for all that is fatal" 0 "$rc"
same "probing leaves no mount behind" "$before" "$(cat /proc/self/mountinfo)"
run k3sbox init
same "init" 0 "$rc"
run k3sbox run -d --timeout 150
same "run -d comes back when the node is ready" 0 "$rc"
[ "$rc" = 0 ] || k3sbox logs -n 25 2>&1 | cut -c1-300
same "node is Ready" True "$(k3sbox kubectl get node -o jsonpath='{.items[0].status.conditions[?(@.type=="Ready")].status}')"
run k3sbox stop
same "stop" 0 "$rc"
run k3sbox clean
same "clean" 0 "$rc"
