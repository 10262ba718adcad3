#!/bin/sh
# kernel.sh DIR: Debian's kernel for virtual machines into DIR (vmlinuz, modules/), taken out of its
# package, which is not installed; and how to run it: DIR/accel is "kvm" where a boot under KVM
# succeeds (to open /dev/kvm is not enough), else "tcg".
set -eu
dir=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
package() {
	apt-cache depends linux-image-cloud-amd64 2>/dev/null |
		sed -n 's/.*Depends: \(linux-image-[0-9]\)/\1/p'
}
download() (
	cd "$work" && [ "$(package)" ] && apt-get download "$(package)" >"$work/log" 2>&1
)
download || { apt-get update -q >"$work/update" && download; } || { cat "$work/log" >&2; exit 1; }
dpkg-deb -x "$work"/linux-image-*.deb "$work/x"
mkdir -p "$dir"
rm -rf "$dir/modules"
mv "$work"/x/lib/modules/*/kernel "$dir/modules"
cp "$work"/x/boot/vmlinuz-* "$dir/vmlinuz"
echo tcg >"$dir/accel"
[ -w /dev/kvm ] || exit 0
mkdir -p "$work/root/bin"
cp /bin/busybox "$work/root/bin/"
printf '#!/bin/busybox sh\n/bin/busybox poweroff -f\n' >"$work/root/init"
chmod +x "$work/root/init"
(cd "$work/root" && find . | busybox cpio -o -H newc 2>/dev/null) >"$work/initrd"
if timeout 10 qemu-system-x86_64 -accel kvm -cpu host -m 512 -nodefaults -nographic -no-reboot \
	-kernel "$dir/vmlinuz" -initrd "$work/initrd" -append "panic=-1" >"$work/log" 2>&1; then
	echo kvm >"$dir/accel"
fi
