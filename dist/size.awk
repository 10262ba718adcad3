# The linker's map → bytes by room of the source tree. Sections that were dropped stand before the memory map and do not count.
function hex(text,  i, value) { for (i = 3; i <= length(text); i++) value = value * 16 + index("0123456789abcdef", substr(text, i, 1)) - 1; return value }
/^Linker script and memory map/ { counting = 1 }
!counting { next }
# " .text.name   0x0000123  0x45 build/obj/common/base/io.o", or the name on a line of its own before the rest
NF == 1 && $1 ~ /^\.(text|rodata|data|bss)/ { pending = $1; next }
{
	section = $1 ~ /^\.(text|rodata|data|bss)/ ? $1 : pending
	at = $1 ~ /^\.(text|rodata|data|bss)/ ? 3 : 2
	pending = ""
	if (section == "" || section ~ /^\.bss/ || $(at) !~ /^0x/ || $(at + 1) == "") next
	file = $(at + 1)
	if (match(file, /obj\/(common|applets)\//)) {
		room = substr(file, RSTART + 4)
		sub(/\/[^\/]*$/, "", room)
	} else if (file ~ /libbearssl/) room = "BearSSL"
	else room = "C library"
	bytes[room] += hex($(at))
}
END {
	for (r in bytes) printf "%8d  %s\n", bytes[r], r | "sort -k2"
	close("sort -k2")
}
