#!/bin/sh
# In the virtual machine: runs /bin/inside.sh in what `docker run --privileged` makes on cgroup
# version 2. Its root is the machine's, with a layer over it; /var/lib is a volume. runc makes the
# group /docker/box, which is the root of the container's cgroup namespace and holds its processes.
mkdir -p /c/layer /c/root /c/lib
mount -t tmpfs layer /c/layer
mkdir /c/layer/upper /c/layer/work
mount -t overlay -o lowerdir=/,upperdir=/c/layer/upper,workdir=/c/layer/work overlay /c/root

[ ! -e /bin/outer.sh ] || sh /bin/outer.sh
caps=
for c in CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP \
	LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE \
	SYS_RAWIO \
	SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME \
	SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG \
	WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE; do
	caps=$caps${caps:+,}\"CAP_$c\"
done
sed "s/CAPS/$caps/g" /etc/container.json >/c/config.json
cd /c && runc run box
echo "the container ended with status $?"
