#!/bin/bash
# run.sh PROGRAM…: runs unit programs and *.test files, shows their lines, closes with the count. A
# program that exits with an error but no FAIL line, or that prints no result at all, counts as a
# failure.
set -u
log=$(mktemp)
trap 'rm -f "$log"' EXIT
passed=0 failed=0 skipped=0
for p; do
	start=$SECONDS
	case $p in *.test) bash "$p" ;; *) "$p" ;; esac >"$log.1" 2>&1 </dev/null
	rc=$?
	grep -E '^(PASS|FAIL|SKIP) ' "$log.1"
	p1=$(grep -c '^PASS ' "$log.1") f1=$(grep -c '^FAIL ' "$log.1") s1=$(grep -c '^SKIP ' "$log.1")
	if { [ $rc != 0 ] && [ "$f1" = 0 ]; } || [ $((p1 + f1 + s1)) = 0 ]; then
		echo "FAIL $(basename "$p" .test): ended with status $rc after $p1 results"
		f1=$((f1 + 1))
	fi
	# other output is shown only if something failed
	[ "$f1" = 0 ] || grep -vE '^(PASS|FAIL|SKIP) ' "$log.1" | tail -n "${TAIL:-60}" | sed 's/^/    /'
	echo "     $(basename "$p") took $((SECONDS - start)) s"
	passed=$((passed + p1)) failed=$((failed + f1)) skipped=$((skipped + s1))
	rm -f "$log.1"
done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed = 0 ]
