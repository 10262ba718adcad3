#!/bin/bash
# Kubernetes' own conformance suite against a cluster in an environment of the rig: FOCUS and SKIP
# (regular expressions) choose the cases, ENV the environment, optionally with options of `run`
# after a colon. What has a result is not run again, so that the same command continues where the
# last one ended (CONFORMANCE_SLICE seconds limit one run; status 2: not done). `conformance.sh
# start` and `stop` only start or end the cluster; `again` has the next run repeat what failed.
# WITHOUT=ARCHIVE leaves an image of images.sh out: without coredns, netd answers DNS questions.
# Results: tests/conformance/RESULTS.md.
set -u
: "${RIG:=$PWD/build/rig/bin}" "${K3SBOX:=$PWD/build/k3sbox}"
: "${ENV:=E10}" "${FOCUS:=\[sig-network\].*\[Conformance\]}" "${SKIP:=}" "${WITHOUT:=}"
: "${CONFORMANCE_DIR:=$PWD/build/conformance}" "${CONFORMANCE_SLICE:=0}"
: "${CASE_LIMIT:=900}" "${IMAGE_LIMIT:=60}"   # seconds for one case; with a pod that has no image
# It takes the suite a while to start, so it is told several cases at once.
: "${CONFORMANCE_BATCH:=8}"
here=$(cd "$(dirname "$0")" && pwd)
env=${ENV%%:*} opts=${ENV#"$env"} opts=${opts#:}
dir=$CONFORMANCE_DIR/${ENV/:/}${WITHOUT:+-without-$WITHOUT}   # of the environment: its cluster, and a result for each case
suite=("$RIG/e2e.test" --provider=skeleton --allowed-not-ready-nodes=-1 --minStartupPods=0
	--ginkgo.no-color --kubeconfig="$dir/cluster/kubeconfig" --kubectl-path="$RIG/kubectl")
k() { timeout 30 "$RIG/kubectl" --kubeconfig "$dir/cluster/kubeconfig" "$@"; }
alive() { [ -e "$dir/cluster/pid" ] && kill -0 "$(cat "$dir/cluster/pid")" 2>/dev/null; }
id() { printf %s "$1" | md5sum | cut -c1-12; }

# ---- the cluster ----
start() {
	local c=$dir/cluster end=$((SECONDS + 1200))
	rm -rf "$c"
	mkdir -p "$c/bin"
	cp "$K3SBOX" "$c/bin/k3sbox"   # the tree may be built again while this runs
	bash "$here/images.sh" "$c/images" || return 1
	[ -z "$WITHOUT" ] || rm "$c/images/$WITHOUT.tar" || return 1
	# It outlives this script, so it must not keep a lock that the caller holds.
	setsid "$RIG/sandbox" --env "$env" --name "conformance-${env,,}" --share "$c" \
		--set "DIR=$c" --set "OPTS=$opts" --set "RIG=$RIG" \
		-- bash "$here/inside.sh" >"$c/output" 2>&1 </dev/null \
		3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- &
	echo $! >"$c/pid"
	until [ -e "$c/up" ]; do
		if ! alive || [ -e "$c/failed" ] || [ $SECONDS -gt $end ]; then
			echo "conformance: no cluster in $ENV; see $c/log and $c/output"
			stop
			return 1
		fi
		sleep 1
	done
}

stop() {
	alive || return 0
	touch "$dir/cluster/quit"
	for _ in $(seq 90); do alive || break; sleep 1; done
	! alive || kill "$(cat "$dir/cluster/pid")"
}

# ---- the cases ----
# The names of the chosen cases. The suite takes a while to list them, so they are kept.
cases() {
	local list=$CONFORMANCE_DIR/cases.$(id "$FOCUS|$SKIP")
	if [ ! -s "$list" ]; then
		mkdir -p "$CONFORMANCE_DIR"
		"$RIG/e2e.test" --provider=skeleton --ginkgo.no-color --ginkgo.dry-run \
			--ginkgo.focus="$FOCUS" ${SKIP:+--ginkgo.skip="$SKIP"} \
			--ginkgo.json-report="$list.json" >"$list.log" 2>&1 ||
			{ tail -n 5 "$list.log" >&2; return 1; }
		jq -r '.[0].SpecReports[] | select(.LeafNodeType == "It" and .State == "passed") |
			(.ContainerHierarchyTexts + [.LeafNodeText]) | join(" ")' \
			"$list.json" | sort >"$list.new" && mv "$list.new" "$list"
		rm -f "$list.json"
	fi
	cat "$list"
}

# An image that a pod waits for and that cannot be had here, if there is one.
missing_image() {
	k get pod -A -o json 2>/dev/null | jq -r '
		[.items[] | select(.metadata.deletionTimestamp == null) | .status |
		(.containerStatuses // []) + (.initContainerStatuses // []) | .[] |
		select(.state.waiting.reason // "" | test("^(ErrImage|ImagePullBackOff)")) |
		.image][0] // ""'
}

result() { # NAME STATE SECONDS REASON
	local file reason
	file=$dir/results/$(id "$1")
	reason=$(printf %s "$4" | tr -s '\t\n ' ' ' | cut -c1-300)
	printf '%s\t%s\t%s\n' "$2" "$3" "$reason" >"$file.new"
	mv "$file.new" "$file"
	echo "$ENV: $2 $3 s: $1"
}

# The state, seconds, name and failure of each case of a batch that ran. One that the suite was
# interrupted in is ours to explain.
judge() { # REPORT EXPLANATION
	local state seconds name reason
	jq -r '.[0].SpecReports[] | select(.LeafNodeType == "It") |
		select(.State != "skipped" or (.Failure.Message // "") != "") |
		[.State, (.RunTime / 1e9 | ceil),
		((.ContainerHierarchyTexts + [.LeafNodeText]) | join(" ")),
		((.Failure // {}) | (.Message // "") + " (" + ((.Location.FileName // "") |
		sub(".*/"; "")) + ":" + (.Location.LineNumber // 0 | tostring) + ")" |
		gsub("[\t\n]"; " "))] | @tsv' "$1" |
	while IFS=$'\t' read -r state seconds name reason; do
		case $state in
		passed) result "$name" passed "$seconds" "" ;;
		skipped) result "$name" skipped "$seconds" "${reason#skipped - }" ;;
		interrupted)
			case $2 in
			no\ image*) result "$name" impossible "$seconds" "$2" ;;
			?*) result "$name" failed "$seconds" "$2" ;;
			esac ;;
		*) result "$name" failed "$seconds" "$reason" ;;
		esac
	done
}

# Waits for the suite. It is interrupted when a case has taken too long, or seems to wait for a pod
# whose image cannot be had (some make pods and do not wait for them): `why`.
watch() { # PID LOG
	local ended=-1 now since=$SECONDS image
	why=
	while kill -0 "$1" 2>/dev/null; do
		sleep 2
		now=$(grep -c '^------------------------------$' "$2")
		[ "$now" = $ended ] || { ended=$now since=$SECONDS; }
		[ $((SECONDS - since)) -lt "$CASE_LIMIT" ] || why="not done after $CASE_LIMIT s"
		if [ $((SECONDS - since)) -gt "$IMAGE_LIMIT" ]; then
			image=$(missing_image)
			[ -z "$image" ] || why="no image $image"
		fi
		[ -z "$why" ] || { kill -INT "$1"; break; }
	done
	wait "$1"
}

batch() { # NAME…
	local log=$dir/log.$BASHPID pattern=
	for name; do
		pattern="$pattern${pattern:+|}$(printf %s "$name" | sed 's/[][\.*^$+?(){}|]/\\&/g')"
	done
	timeout -s INT -k 60 7200 "${suite[@]}" --ginkgo.v --ginkgo.focus="($pattern)\$" \
		--ginkgo.json-report="$log.json" >"$log" 2>&1 </dev/null &
	watch $! "$log"
	judge "$log.json" "$why"
	[ -s "$log.json" ] || { tail -n 3 "$log"; return 1; }
	mv "$log" "$dir/logs/$(date +%H%M%S)"
	rm -f "$log.json"
	# of a case that was broken off
	k delete namespace -l e2e-framework --wait=false >/dev/null 2>&1
}

# The next run repeats what has failed; the table keeps the first failure.
again() {
	local file
	for file in $(grep -l "^failed" "$dir"/results/* 2>/dev/null | grep -v first); do
		if [ -e "$file.first" ]; then rm "$file"; else mv "$file" "$file.first"; fi
	done
}

case ${1-} in
start) alive || start; exit ;;
stop) stop; exit ;;
again) again; exit ;;
esac
mkdir -p "$dir/results" "$dir/logs"
cases >"$dir/cases.new" || exit 1
mv "$dir/cases.new" "$dir/cases"
touch "$dir/all"   # of former runs, too: the table has them
sort -u "$dir/cases" "$dir/all" >"$dir/all.new" && mv "$dir/all.new" "$dir/all"
end=$((SECONDS + CONFORMANCE_SLICE)) status=0
while :; do
	names=()
	while IFS= read -r name; do
		[ -e "$dir/results/$(id "$name")" ] || names+=("$name")
	done <"$dir/cases"
	[ ${#names[@]} -gt 0 ] || break
	[ "$CONFORMANCE_SLICE" = 0 ] || [ $SECONDS -lt $end ] || { status=2; break; }
	alive && [ -e "$dir/cluster/up" ] || start || exit 1
	batch "${names[@]:0:$CONFORMANCE_BATCH}" || exit 1
done
bash "$here/table.sh" "$CONFORMANCE_DIR" >"$CONFORMANCE_DIR/results.$$" &&
	mv "$CONFORMANCE_DIR/results.$$" "$here/RESULTS.md"
if [ $status = 2 ]; then
	echo "$ENV: ${#names[@]} cases are left; the same command continues"
else
	stop
fi
exit $status
