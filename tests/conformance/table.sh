#!/bin/bash
# table.sh DIR: the results below DIR as a page, one line for each case.
cd "$1" || exit 1
cat <<'END'
# Conformance: results

Written by `make conformance`; HACKING.md says how. The cases are Kubernetes' own (e2e.test 1.36.3).
E1 is native Linux with flannel and kube-proxy, the yardstick; E10 is gVisor with Docker's default
capabilities; E2 is gVisor with nearly all capabilities. *Impossible* means that a pod of the case
waits for an image that cannot be had or made here; *skipped* that the suite itself left it out.

| environment | cases of | number | passed | failed | impossible | skipped | not run |
|---|---|---:|---:|---:|---:|---:|---:|
END
environments=
for cases in */all; do
	env=${cases%/all}
	environments="$environments $env"
	while IFS= read -r name; do
		n=$(printf %s "$name" | md5sum | cut -c1-12)
		if [ -e "$env/results/$n" ]; then
			again= first=$env/results/$n.first
			[ ! -e "$first" ] || again="second attempt; the first: $(cut -f 3 "$first")"
			printf '%s%s\t%s\n' "$(cat "$env/results/$n")" "$again" "$name"
		else
			printf 'not run\t-\t\t%s\n' "$name"
		fi
	done <"$cases" >"$env/table"
	for kind in Conformance others; do
		awk -F '\t' -v env="$env" -v kind=$kind '
			(kind == "Conformance") == ($4 ~ /\[Conformance\]/) { n[$1]++; all++ }
			END { if (all) printf "| %s | %s | %d | %d | %d | %d | %d | %d |\n", env, kind, all,
			 n["passed"], n["failed"], n["impossible"], n["skipped"], n["not run"] }' "$env/table"
	done
done
for env in $environments; do
	printf '\n## %s\n\n| case | result | s | reason |\n|---|---|---:|---|\n' "$env"
	sed 's/|/\\|/g; s/</\&lt;/g' "$env/table" | awk -F '\t' '{
		result = $1 == "failed" ? "**failed**" : $1
		printf "| %s | %s | %s | %s |\n", $4, result, $2, $3 }'
done
printf '\n## Images\n\n| name | what it is here |\n|---|---|\n'
cat */cluster/images/list 2>/dev/null | sort -u | awk -F '\t' '{ printf "| %s | %s |\n", $1, $2 }'
