# What the kubelet tells about the pod of load.yaml, compared with /proc of its processes at that
# moment, and metrics-server's answers. Sourced by inside.sh.
raw() { k get --raw "/api/v1/nodes/sandbox/proxy/$1"; }
# of CONTAINER METRIC: its value as an integer, in /metrics/resource, times 1000
of() { printf '%s\n' "$resource" | sed -n "s/^$2{container=\"$1\",.*pod=\"load\"} \([^ ]*\).*/\1/p" | awk '{printf "%.0f", $1 * 1000}'; }
near() { test "$((${2:-0} * 100))" -ge "$(($1 * 95))" -a "$((${2:-0} * 100))" -le "$(($1 * 105))"; }   # WANT GOT: within 5 %
# The kubelet's figures are up to 15 s old.
spent_is_told() {
	resource=$(raw metrics/resource) told=$(of burn container_cpu_usage_seconds_total)
	spent=$(awk '{print ($14 + $15 + $16 + $17) * 10}' "/proc/$(pgrep -fx '/busybox sleep 3601')/stat") && near "$spent" "$told"
}
held_is_told() {
	resource=$(raw metrics/resource) told=$(of hold container_memory_working_set_bytes)
	held=$(awk '/^VmRSS/ {printf "%.0f", $2 * 1024000}' "/proc/$(pgrep -f '^/busybox dd if')/status") && near "$held" "$told"
}

# Whoever waits for a server of the control groups waits for the next one.
servers() { pgrep -f 'cgroupfs --serve=' | tr '\n' ' '; }
old=$(servers)
kill -9 $old
check "CPU time of a container that burned 3 s is told within 5 %" wait_until 40 spent_is_told
echo "     ${told:-nothing} ms for ${spent:-?}"
check "and memory of one that holds 200 MiB" wait_until 20 held_is_told
echo "     ${told:-nothing} for ${held:-?} thousandths of a byte"
check "servers of control groups that were killed are replaced" test "$(servers | wc -w)" = 2 -a "$(servers)" != "$old"
same "no figure is missing" "resource_scrape_error 0" "$(printf '%s\n' "$resource" | grep ^resource_scrape_error)"
same "the node's CPU and memory, and the file systems, are in the summary" true "$(raw stats/summary |
	jq '[.node.cpu.usageCoreNanoSeconds, .node.memory.workingSetBytes, .node.fs.capacityBytes, .node.runtime.imageFs.capacityBytes, (.pods[] | select(.podRef.name == "load") | .memory.workingSetBytes, .["ephemeral-storage"].usedBytes)] | all(. > 0)' 2>&1)"
has "cAdvisor's metrics" "$(raw metrics/cadvisor | grep 'pod="load"' | cut -d'{' -f1 | sort -u | tr '\n' ' ')" \
	container_cpu_usage_seconds_total container_memory_usage_bytes container_memory_max_usage_bytes container_memory_failcnt container_spec_memory_limit_bytes
has "the container itself sees the kernel's own files" "$(k exec load -c hold -- /busybox stat -c '%F %n' /sys/fs/cgroup/memory/memory.limit_in_bytes 2>&1)" "regular"
if [ "$ENV" = E10 ]; then
	topped() { top=$(k top pod load --containers --no-headers 2>&1) && [ "$(echo "$top" | awk '$2 == "hold" && $4 + 0 >= 190 && $4 + 0 <= 210' | wc -l)" = 1 ]; }
	check "kubectl top pod: what the pod holds" wait_until 60 topped
	echo "$top" | sed 's/^/     /'
	has "kubectl top node" "$(k top node --no-headers 2>&1)" sandbox %
	k delete --wait=false -f "$T/metrics-server.yaml" >/dev/null
fi
same "no complaint about control groups in the log" "" "$(k3sbox logs -n 10000 2>&1 | grep -E 'not a cgroup file|cpuacct\.usage_percpu|failed to get root cgroup stats' | head -n 3)"
used() { k3sbox enter cat /sys/fs/cgroup/cpuacct/kubepods/cpuacct.usage; }
before_=$(used)
k delete pod load >/dev/null   # network.sh counts what pods leave behind
after_=$(used)
check "the CPU time of a pod that is gone stays in the groups above ($before_, $after_)" test "$after_" -ge "$before_"
