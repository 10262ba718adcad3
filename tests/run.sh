#!/bin/bash
# run.sh PROGRAM…: runs unit programs and *.test files, shows their lines, closes with the count. A
# program that exits with an error but no FAIL line, or that prints no result at all, counts as a
# failure. Two lanes run at the same time: a test whose first comment has the word CLUSTER is in the
# second one, for what starts clusters mostly waits; all others are in the first one, which goes on
# with what is left of the second. In a lane they follow each other. The lines of a program are
# printed together when it has ended.
set -u
D=$(mktemp -d) || exit 1
lanes=
at_end() {
	trap '' INT TERM
	for pid in $lanes; do kill -TERM -- "-$pid" 2>/dev/null; done
	wait
	rm -rf "$D"
}
trap at_end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# starts_clusters PROGRAM: a test says it in the comment that it opens with
starts_clusters() {
	case $1 in
	*.test) sed '/^#/!q' "$1" | grep -qw CLUSTER ;;
	*) false ;;
	esac
}

# isolated TEST: with mounts and a /run of its own, so that the other lane's mounts, network
# namespaces and run states do not show. Process lists, the network and cgroups are the machine's: a
# test that looks at these names what is its own.
isolated() {
	unshare --mount --propagation private \
		sh -c 'mount -t tmpfs -o mode=755 none /run && exec bash "$0"' "$1"
}

# block PROGRAM LOG: runs it, prints its results, and at last a line "count PASSED FAILED SKIPPED"
block() {
	start=$SECONDS
	case $1 in *.test) isolated "$1" ;; *) "$1" ;; esac >"$2" 2>&1 </dev/null
	rc=$?
	grep -E '^(PASS|FAIL|SKIP) ' "$2"
	p=$(grep -c '^PASS ' "$2") f=$(grep -c '^FAIL ' "$2") s=$(grep -c '^SKIP ' "$2")
	if { [ $rc != 0 ] && [ "$f" = 0 ]; } || [ $((p + f + s)) = 0 ]; then
		echo "FAIL $(basename "$1" .test): ended with status $rc after $p results"
		f=$((f + 1))
	fi
	# other output is shown only if something failed
	[ "$f" = 0 ] || grep -vE '^(PASS|FAIL|SKIP) ' "$2" | tail -n "${TAIL:-60}" | sed 's/^/    /'
	echo "     $(basename "$1") took $((SECONDS - start)) s"
	echo "count $p $f $s"
}

# lane PROGRAM…: one after the other, but for what the other lane has taken
lane() {
	for program; do
		mkdir "$D/taken-${program//\//-}" 2>/dev/null || continue
		mine=$D/$BASHPID
		block "$program" "$mine" >"$mine.block"
		sed -n 's/^count //p' "$mine.block" >>"$mine.counts"
		flock "$D/print" sed '/^count /d' "$mine.block"
	done
}

first=() second=()
for program; do
	if starts_clusters "$program"; then second+=("$program"); else first+=("$program"); fi
done
: >"$D/print"
# Each lane is a process group: a signal to this process reaches all that the lanes have started,
# and interrupts are not ignored in them, as they are in what a script starts by & alone.
set -m
lane ${first[@]+"${first[@]}"} ${second[@]+"${second[@]}"} & lanes=$!
lane ${second[@]+"${second[@]}"} & lanes="$lanes $!"
set +m
wait
lanes=
read -r passed failed skipped < <(cat "$D"/*.counts 2>/dev/null |
	awk '{ p += $1; f += $2; s += $3 } END { print p + 0, f + 0, s + 0 }')
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
