#!/bin/sh
# boot.sh DIR KERNEL MEMORY SECONDS [WORD…]: boots what image.sh made, with these words on the
# kernel's command line (init reads them), and passes on what the console shows. The disk stays as
# it is.
dir=$1 kernel=$2 memory=$3 seconds=$4; shift 4
accel=$(cat "$kernel/accel")
case $accel in tcg) accel=tcg,thread=multi cpu=max ;; *) cpu=host ;; esac
timeout -k 5 "$seconds" qemu-system-x86_64 -accel "$accel" -cpu "$cpu" -smp 2 -m "$memory" \
	-nodefaults -display none -serial stdio -no-reboot \
	-kernel "$kernel/vmlinuz" -initrd "$dir/initrd" \
	-drive "file=$dir/root.img,format=raw,if=virtio,snapshot=on" \
	-append "console=ttyS0 panic=-1 quiet loglevel=3 $*" </dev/null
