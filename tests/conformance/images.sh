#!/bin/bash
# images.sh DIR: the images that the cases name, as far as they can be made here, as archives in
# DIR; DIR/tags has further names of some of them. A line of DIR/list says what each one is. A case
# that asks for any other image is counted as impossible.
set -eu
: "${RIG:=$PWD/build/rig/bin}" "${K3SBOX:=$PWD/build/k3sbox}"
to=$1
registry=registry.k8s.io/e2e-test-images
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rm -rf "$to"
mkdir -p "$to"

# The operands of `image pack` for dynamic programs: themselves as /usr/bin/NAME, and their
# libraries. dig is linked with ICU, whose 30 MB of tables it never reads: an empty table serves it
# as well, and an image without them is copied faster for each container.
dynamic() { # NAME…
	local name file
	for name; do
		file=$(readlink -f "$(command -v "$name")")
		echo "$file=/usr/bin/$name"
		ldd "$file"
	done | awk '/^\// && /=\// { print; next }
		{ for (i = 1; i <= NF; i++) if ($i ~ /^\//) print $i "=" $i }' |
		sed "s|^/[^=]*/libicudata|$work/libicudata|" | sort -u
}
stub_icu() {
	local so
	for so in $(ldd "$(command -v dig)" | grep -o '^[[:space:]]*libicudata\.so\.[0-9]*'); do
		echo "const char icudt${so##*.}_dat[64];" |
			gcc -shared -x c - -Wl,-soname,"$so" -o "$work/$so"
	done
}

# The links of a busybox to all that it can do, but not the names of other programs of the image.
links() { # NAME…
	local name
	for name in $(busybox --list); do
		case " busybox $* " in
		*" $name "*) ;;
		*) echo "--link=/bin/$name=/bin/busybox" ;;
		esac
	done
}

# image pack makes a directory only for a file.
: >"$work/keep"
printf '%s\n' root:x:0:0:root:/root:/bin/sh nobody:x:65534:65534:nobody:/:/bin/false >"$work/passwd"
printf '%s\n' root:x:0: nogroup:x:65534: >"$work/group"
cp "$work/passwd" "$work/passwd.agnhost"
cp "$work/group" "$work/group.agnhost"
echo user-defined-in-image:x:1000:1000::/home/user-defined-in-image:/bin/sh >>"$work/passwd.agnhost"
printf '%s\n' user-defined-in-image:x:1000: \
	group-defined-in-image:x:50000:user-defined-in-image >>"$work/group.agnhost"
base=("$work/keep=/tmp/.keep" "$work/keep=/root/.keep" /bin/busybox=/bin/busybox)
plain=("$work/passwd=/etc/passwd" "$work/group=/etc/group")

pack() { # ARCHIVE NAME TEXT ARG…
	local archive=$1 name=$2 text=$3
	shift 3
	"$K3SBOX" image pack --tag "$name" -o "$to/$archive.tar" "$@"
	printf '%s\t%s\n' "$name" "$text" >>"$to/list"
}
also() { # NAME NAME TEXT: another name of an image
	printf '%s %s\n' "$1" "$2" >>"$to/tags"
	printf '%s\t%s\n' "$2" "$3" >>"$to/list"
}

programs="dig curl nc.openbsd ss ip iperf bash getent"
stub_icu
openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=localhost \
	-addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
	-keyout "$work/localhost.key" -out "$work/localhost.crt" 2>/dev/null
# Debian's busybox, as a shell, takes its own nc before the one in PATH: bash is the shell here.
pack agnhost $registry/agnhost:2.63.0 \
	"agnhost of Kubernetes 1.36.3; busybox, $programs of Debian; no /coredns, /var/registry" \
	--entrypoint /agnhost --cmd pause $(links sh nc $programs) --link /agnhost-2=agnhost \
	--link /bin/sh=/usr/bin/bash --link /bin/bash=/usr/bin/bash --link /usr/bin/nc=nc.openbsd \
	--link /usr/local/bin/iperf=/usr/bin/iperf \
	"$RIG/agnhost=/agnhost" "${base[@]}" "$work/keep=/uploads/.keep" \
	"$work/localhost.crt=/localhost.crt" "$work/localhost.key=/localhost.key" \
	"$work/passwd.agnhost=/etc/passwd" "$work/group.agnhost=/etc/group" $(dynamic $programs)
also $registry/agnhost:2.63.0 $registry/agnhost:2.55 "the same image"
also $registry/agnhost:2.63.0 $registry/glibc-dns-testing:2.0.0 \
	"the same image, whose dig and getent are Debian's, too"
busybox=$(busybox | sed -n '1s/^BusyBox v\([^ ]*\).*/\1/p')
pack busybox $registry/busybox:1.37.0-1 "busybox $busybox of Debian" \
	--cmd sh $(links) "${base[@]}" "${plain[@]}"
pack nonroot $registry/nonroot:1.5 "user 1234, with busybox in place of Debian" \
	--user 1234 --cmd sh $(links) "${base[@]}" "${plain[@]}"
"$K3SBOX" image pause --tag registry.k8s.io/pause:3.10.2 -o "$to/pause.tar"
printf '%s\t%s\n' registry.k8s.io/pause:3.10.2 "k3sbox's own pause" >>"$to/list"
if [ -x "$RIG/coredns" ]; then
	pack coredns docker.io/rancher/mirrored-coredns-coredns:1.14.6 "CoreDNS 1.15.0" \
		--entrypoint /coredns "$RIG/coredns=/coredns"
fi
