#!/bin/bash
# image.sh DIR KERNEL SIZE FILE…: DIR/initrd and DIR/root.img (ext4, SIZE), from which boot.sh
# boots: busybox, the modules that containers need, unshare, setpriv, and each FILE, at the path behind
# its '=' or in /bin. Dynamic programs bring their libraries.
set -euo pipefail
dir=$1 kernel=$2 size=$3; shift 3
here=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
put() { # FILE PATH
	mkdir -p "$root$(dirname "$2")"
	cp -L "$1" "$root$2"
	# what is no program has no libraries
	{ ldd "$1" 2>/dev/null || true; } | sed -nE 's/^.*[ \t](\/[^ ]+) \(0x.*/\1/p' |
	while read -r lib; do
		mkdir -p "$root$(dirname "$lib")"
		cp -Lu "$lib" "$root$lib"
	done
}
mkdir -p "$root"/{bin,sbin,proc,sys,dev,run,tmp,etc,root,var/lib,c} "$dir"
put /bin/busybox /bin/busybox
put /usr/bin/unshare /usr/bin/unshare
put /usr/bin/setpriv /usr/bin/setpriv
put "$here/init" /init
for f; do
	case $f in
	*=*) put "${f%%=*}" "${f#*=}" ;;
	*) put "$f" "/bin/$(basename "$f")" ;;
	esac
done
echo root:x:0:0::/root:/bin/sh >"$root/etc/passwd"
version=$(strings "$kernel/vmlinuz" | sed -nE 's/^([0-9]+\.[0-9.]+-[^ ]*) \(.*/\1/p' | head -n 1)
modules=$root/lib/modules/$version
mkdir -p "$modules"
(cd "$kernel/modules" && cp --parents -r net/{bridge,ipv4,ipv6,netfilter,8021q,802,llc,core} \
	fs/{overlayfs,fuse} lib crypto drivers/{virtio,block/virtio_blk.ko} \
	drivers/net/{veth.ko,vxlan,virtio_net.ko} "$modules/" 2>"$work/missing") || true
busybox depmod -b "$root" "$version"
# The first stage: only what makes the disk show.
mkdir -p "$work/first/bin" "$work/first/new"
cp /bin/busybox "$work/first/bin/"
for m in virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk; do
	f=$(find "$kernel/modules" -name "$m.ko")
	[ -z "$f" ] || cp "$f" "$work/first/"
done
cat >"$work/first/init" <<'I'
#!/bin/busybox sh
busybox mkdir -p /proc /dev
busybox mount -t devtmpfs dev /dev
for m in virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk; do
	[ ! -e /$m.ko ] || busybox insmod /$m.ko
done
for i in 1 2 3 4 5 6 7 8 9 10; do [ -b /dev/vda ] && break; busybox sleep 0.1; done
busybox mount -t ext4 /dev/vda /new && exec busybox switch_root /new /init
busybox poweroff -f
I
chmod +x "$work/first/init" "$root/init"
(cd "$work/first" && find . | busybox cpio -o -H newc 2>/dev/null) >"$dir/initrd"
rm -f "$dir/root.img"
truncate -s "$size" "$dir/root.img"
mkfs.ext4 -q -O ^has_journal -d "$root" "$dir/root.img"
