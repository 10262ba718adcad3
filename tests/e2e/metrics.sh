# What the kubelet tells about the pod of load.yaml, which has run for a while. Sourced by inside.sh.
raw() { k get --raw "/api/v1/nodes/sandbox/proxy/$1"; }
# of CONTAINER METRIC: its value as an integer, in /metrics/resource, times 1000
of() { printf '%s\n' "$resource" | sed -n "s/^$2{container=\"$1\",.*pod=\"load\"} \([^ ]*\).*/\1/p" | awk '{printf "%.0f", $1 * 1000}'; }
# near NAME WANT GOT: within 5 %
near() { check "$1 (${3:-nothing} for $2)" test "$((${3:-0} * 100))" -ge "$(($2 * 95))" -a "$((${3:-0} * 100))" -le "$(($2 * 105))"; }
shown() { resource=$(raw metrics/resource); [ "$(of hold container_memory_working_set_bytes)" ] && [ "$(of burn container_cpu_usage_seconds_total)" ]; }

# Whoever waits for a server of the control groups waits for the next one.
servers() { pgrep -f 'cgroupfs --serve=' | tr '\n' ' '; }
old=$(servers)
kill -9 $old
check "the kubelet has figures of containers" wait_until 20 shown
check "and servers of control groups that were killed are replaced" test "$(servers | wc -w)" = 2 -a "$(servers)" != "$old"
spent=$(k exec load -c burn -- /busybox cat /proc/1/stat | awk '{print ($14 + $15 + $16 + $17) * 10}')
near "CPU time of a container that burned a core, in ms" "$spent" "$(of burn container_cpu_usage_seconds_total)"
near "memory of one that holds 200 MiB, in thousandths" 209715200000 "$(of hold container_memory_working_set_bytes)"
same "no figure is missing" "resource_scrape_error 0" "$(printf '%s\n' "$resource" | grep ^resource_scrape_error)"
same "the node's CPU and memory, and the file systems, are in the summary" true "$(raw stats/summary |
	jq '[.node.cpu.usageCoreNanoSeconds, .node.memory.workingSetBytes, .node.fs.capacityBytes, .node.runtime.imageFs.capacityBytes, (.pods[] | select(.podRef.name == "load") | .memory.workingSetBytes, .["ephemeral-storage"].usedBytes)] | all(. > 0)' 2>&1)"
has "cAdvisor's metrics" "$(raw metrics/cadvisor | grep 'pod="load"' | cut -d'{' -f1 | sort -u | tr '\n' ' ')" \
	container_cpu_usage_seconds_total container_memory_usage_bytes container_memory_max_usage_bytes container_memory_failcnt container_spec_memory_limit_bytes
has "the container itself sees the kernel's own files" "$(k exec load -c hold -- /busybox stat -c '%F %n' /sys/fs/cgroup/memory/memory.limit_in_bytes 2>&1)" "regular"
same "no complaint about control groups in the log" "" "$(k3sbox logs -n 10000 2>&1 | grep -E 'not a cgroup file|cpuacct\.usage_percpu|failed to get root cgroup stats' | head -n 3)"
k delete pod load >/dev/null   # network.sh counts what pods leave behind
