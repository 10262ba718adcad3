# jq -f schema.jq --slurpfile schema FILE: what in the input breaks the JSON schema, a line each. Of the
# schema language it knows what dist/schema uses.
def kind: if type == "number" and floor == . then "integer" else type end;
def errors($s; $at): . as $v |
	(if $s.type and $s.type != kind and $s.type != type then "\($at): \(kind), not \($s.type)" else empty end),
	(if $s.enum and all($s.enum[]; . != $v) then "\($at): unexpected \($v)" else empty end),
	(if type == "object" then
		(($s.required // [])[] | select(. as $k | $v | has($k) | not) | "\($at).\(.): missing"),
		(to_entries[] | .key as $k | if $s.properties[$k] then .value | errors($s.properties[$k]; "\($at).\($k)")
			elif $s.additionalProperties == false then "\($at).\($k): unknown" else empty end)
	elif type == "array" then to_entries[] | .key as $i | .value | errors($s.items // {}; "\($at)[\($i)]")
	else empty end);
errors($schema[0]; "")
