# From `k3sbox APPLET --help` to one line per option: APPLET TAB SHORT TAB LONG TAB ARGUMENT TAB
# WHAT. The help is printed from the option rows of the sources, so nothing is written twice.
# -v applet=NAME.
function emit() { if (long != "" || short != "") printf "%s\t%s\t%s\t%s\t%s\n", applet, short, long, arg, what }
/^Options:/ { inside = 1; next }
inside && !/^ / { emit(); inside = 0; short = long = "" }
!inside { next }
# A row: two columns for the letter, the name with its argument, and the text, perhaps below it.
/^ +-/ {
	emit()
	short = long = arg = what = ""
	line = $0
	sub(/^ +/, "", line)
	if (match(line, /^-[A-Za-z](, | |$)/)) {
		short = substr(line, 1, 2)
		line = substr(line, RLENGTH + 1)
	}
	if (match(line, /^--[a-z0-9-]+/)) {
		long = substr(line, 1, RLENGTH)
		line = substr(line, RLENGTH + 1)
	}
	cut = index(line, "   ") ? index(line, "   ") : length(line) + 1
	if (match(line, /  +/) && RSTART < cut) cut = RSTART
	arg = substr(line, 1, cut - 1)
	what = substr(line, cut)
	sub(/^ +/, "", arg); sub(/^ +/, "", what)
	next
}
{ line = $0; sub(/^ +/, "", line); what = what (what == "" ? "" : " ") line }
END { emit() }
