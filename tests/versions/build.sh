#!/bin/bash
# build.sh DIR [PATTERN]: the versions of runc, containerd and crun that k3s v1.21 to v1.36 and
# Debian have, each in a directory of its own below DIR. Each is built in a module that has nothing
# but its requirement, since some of theirs replace modules by directories that no proxy has.
set -eu
mkdir -p "$1"
dir=$(readlink -f "$1") pattern=${2-*}
runc="1.0.0-rc95 1.0.2 1.1.14 1.2.8 1.3.6 1.4.2 1.4.3 1.5.2"
containerd="1.6.36 1.7.35 2.0.14 2.1.9 2.2.9 2.3.7 2.4.2"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

chosen() { case $1 in $pattern) [ ! -e "$dir/$1" ] && echo "versions: $1" ;; *) false ;; esac; }
# module VERSION PACKAGE: a module that requires it is the current directory
module() {
	rm -rf "$scratch/m" && mkdir "$scratch/m" && cd "$scratch/m"
	printf 'module k3sbox.test/versions\n\ngo 1.26\n' >go.mod
	nice go get -tool "$2@v$1" 2>"$scratch/log" || { cat "$scratch/log"; exit 1; }
}
# build PACKAGE DIRECTORY PROGRAM FLAG…
build() { nice go build -buildvcs=false -o "$dir/$2.new/$3" "${@:4}" "$1"; }

for v in $runc; do
	chosen "runc-$v" || continue
	package=github.com/opencontainers/runc
	module "$v" $package
	CGO_ENABLED=1 build $package "runc-$v" runc -tags "seccomp netgo osusergo" \
		-ldflags "-s -w -X main.version=$v -extldflags -static"
	mv "$dir/runc-$v.new" "$dir/runc-$v"
done
for v in $containerd; do
	chosen "containerd-$v" || continue
	case $v in 2.*) major=/v2 ;; *) major= ;; esac
	path=github.com/containerd/containerd$major
	module "$v" $path/cmd/containerd
	for p in containerd containerd-shim-runc-v2 ctr; do
		CGO_ENABLED=0 build "$path/cmd/$p" "containerd-$v" $p -tags no_btrfs \
			-ldflags "-s -w -X $path/version.Version=v$v"
	done
	mv "$dir/containerd-$v.new" "$dir/containerd-$v"
done
if chosen crun-debian; then
	mkdir -p "$dir/crun-debian.new/lib"
	cd "$dir/crun-debian.new"
	apt-get download -q crun libyajl2 >/dev/null 2>&1
	for p in *.deb; do dpkg -x "$p" .; done
	mv usr/bin/crun . && mv usr/lib/*/libyajl* lib && rm -r usr ./*.deb
	printf '#!/bin/sh\nLD_LIBRARY_PATH=${0%%/*}/lib exec "${0%%/*}/crun" "$@"\n' >runc
	chmod +x runc
	cd "$dir"
	mv crun-debian.new crun-debian
fi
