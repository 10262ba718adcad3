# The body of run.test.
export K3SBOX SHARED=$T
. tests/lib.sh
SUITE=run
export FAKE_DIR=$T/fake FAKE=silent PATH=$PWD/tests/run:$PATH
mkdir "$FAKE_DIR"
cp /bin/sleep "$FAKE_DIR/containerd-shim-x"
k3sbox() { "$K3SBOX" "$@"; }
state() { sed -n "s/^$1 //p" /run/k3sbox/state; }
pid_of() { state "$1" | cut -d' ' -f1; }
alive() { kill -0 "$1" 2>/dev/null && ! grep -q '^State:.*Z' "/proc/$1/status" 2>/dev/null; }
soon() { for i_ in $(seq 100); do "$@" && return; sleep 0.1; done; return 1; }
family() { rm -f "$FAKE_DIR/up"; FAKE=family "$K3SBOX" run -d --wait=none >/dev/null; soon test -e "$FAKE_DIR/up"; }
not() { ! "$@"; }
# k3s writes these when it starts, which is after run came back; cwd is the last
told() { soon test -s "$FAKE_DIR/cwd"; cat "$FAKE_DIR/$1"; }
# What init found is believed, so that no probe waits for the network.
mkdir -p /run/k3sbox
printf 'PAUSE_NAME\t\n' >/run/k3sbox/journal

run k3sbox status
same "status before anything" "3 k3sbox:      stopped" "$rc $out"
run k3sbox stop
same "stop before anything" 0 "$rc"
run k3sbox restart
same "restart before anything" 1 "$rc"
has "restart before anything: what to do" "$err" "run -d"
run k3sbox logs
same "logs before anything" 3 "$rc"
run env PATH=/nowhere "$K3SBOX" run
same "no k3s" 1 "$rc"
has "no k3s: what to do" "$err" "--k3s FILE"
run k3sbox run --k3s /etc/hostname
check "a k3s that is no program" test "$rc" != 0
FAKE_VERSION=broken run k3sbox run
same "a k3s that cannot say its version" 1 "$rc"
has "and what it said" "$err" "cannot load library"

FAKE=fatal run k3sbox run
same "a k3s that ends at once: its status" 7 "$rc"
has "its last lines" "$err" "address already in use"
has "the likely cause" "$err" "likely cause" "--https-listen-port"
same "it is started 3 times" 2 "$(grep -cx 'k3sbox: k3s is started again' "$(state log)")"
FAKE=fatal run k3sbox run -d
same "the same in the background" 7 "$rc"
has "is reported by the one that waits" "$err" "likely cause"
FAKE=clean run k3sbox run -d
same "one that ends with 0 before it is ready failed" 1 "$rc"
FAKE=killed run k3sbox run --restart=no
same "one that is killed" 137 "$rc"
same "with --restart=no it is not started again" 0 "$(state restarts)"
run k3sbox status
same "status afterwards" 3 "$rc"
has "says how it ended" "$out" "ended with status 137" k3s.log
FAKE=kubelet run k3sbox run
has "a cause that stands further up in the log" "$err" "likely cause: cAdvisor"

# A k3s that ends by itself, and is started again.
restarts() { [ "$(state restarts)" = "$1" ] && alive "$(pid_of k3s)"; }
run k3sbox run --restart=maybe
same "a restart that is none is misuse" 100 "$rc"
FAKE=once run k3sbox run -d --wait=none
check "a k3s that ends is started again" soon restarts 1
twice() { [ "$(grep -c "Starting the fake" "$(state log)")" = 2 ]; }
soon twice
run k3sbox status
has "status: how often, and why" "$rc $out" "0 " "restarts:    1, the last because k3s ended by itself with status 1, " \
	" ago: post-start hook: timed out"
run k3sbox status -o json
same "its JSON" "1 1 post-start hook: timed out" "$(printf %s "$out" | jq -r '"\(.restarts) \(.lastEnd.status) \(.lastEnd.cause)"')"
kill -STOP "$(pid_of k3s)"
check "a k3s that a signal stops is noticed" soon grep -qx "frozen yes" /run/k3sbox/state
began=$SECONDS
run k3sbox status
has "status says so, at once" "$rc $out" "0 " "API:         not ready: k3s does not answer: a signal has stopped it"
run k3sbox stop
same "it can be stopped" "0 stopped" "$rc ${out%%$'\n'*}"
check "at once" test $((SECONDS - began)) -lt 8
run k3sbox status
same "an end that was asked for is none to report" "3 k3sbox:      stopped" "$rc $out"
FAKE=pods run k3sbox run -d --wait=none
soon test -e "$FAKE_DIR/up"
deaf=$(cat "$FAKE_DIR/deaf") shim=$(cat "$FAKE_DIR/shim")
rm "$FAKE_DIR/up"
kill -KILL "$(pid_of k3s)"
check "a k3s that is killed is started again" soon test -e "$FAKE_DIR/up"
check "what it has left is ended before" not alive "$deaf"
check "its pods go on" alive "$shim"
has "status: what killed it" "$(k3sbox status)" "killed by signal 9"
run k3sbox stop
check "they end with the cluster" not alive "$shim"

FAKE=chatty run k3sbox run -d --timeout 7
same "not ready in time: 124" 124 "$rc"
has "what is waited for, in k3s's words" "$out" " s  waiting: Node password rejected, said k3s; " "delete secret"
has "and what goes on is said" "$err" "not ready after 7 s" "k3sbox stop"
has "phases have seconds" "$out" " s  prepared" " s  k3s started (pid "
check "k3s goes on" alive "$(pid_of k3s)"
run k3sbox status
same "status while it starts" 0 "$rc"
has "status tells the phase" "$out" starting "not ready"
run k3sbox status -o json
same "its JSON" "true starting false" "$(printf %s "$out" | jq -r '"\(.running) \(.phase) \(.api)"')"
run k3sbox run -d --timeout 1
same "a second run waits as well: 124" 124 "$rc"
has "a second run finds the first, and shows how far it is" "$out" \
	"already (pid $(pid_of supervisor)" " s  k3s started"
run k3sbox run -d --wait=none
same "a second run that does not wait" 0 "$rc"
check "with the same options" test -z "$err"
run k3sbox run -d --wait=none --mode control-plane
same "a second run with other options" 0 "$rc"
has "says that these do not count" "$err" "other options" "stop"
run k3sbox logs -n 2
same "logs -n" 2 "$(printf '%s\n' "$out" | wc -l)"
run k3sbox logs -n 1000
has "logs from the start" "$out" "Starting the fake" "line 1" "line 300"
# Stopped, lest a line that k3s writes meanwhile be one more.
kill -STOP "$(pid_of k3s)"
seq 400000 >>"$(state log)"
run k3sbox logs -n 390000
kill -CONT "$(pid_of k3s)"
same "logs of megabytes: all lines, the last of them too" "390000 400000" "$(grep -c . "$T/.out") $(grep -x '[0-9]*' "$T/.out" | tail -n 1)"
"$K3SBOX" logs -f -n 0 >"$T/follow" & follower=$!
check "logs -f goes on" soon grep -q tick "$T/follow"
kill $follower
has "the log is for root alone" "$(stat -c %a "$(state log)")" 600
run k3sbox kubectl get pods -A
same "kubectl: its status" 5 "$rc"
same "kubectl: arguments and KUBECONFIG" "kubectl get pods -A with /etc/rancher/k3s/k3s.yaml" "$out"
run k3sbox stop
same "stop" "0 stopped" "$rc ${out%%$'\n'*}"
run k3sbox status
same "status after stop" 3 "$rc"
run k3sbox stop
same "a second stop is a success" 0 "$rc"

# What stays: a disk that the user mounted where k3s only mounts below, a namespace that a process of others uses.
mkdir -p /run/netns /var/lib/kubelet/pods "$T/disk"
mount -t tmpfs none /var/lib/kubelet/pods
touch /run/netns/cni-podman
unshare -n bash -c 'mount --bind /proc/self/ns/net /run/netns/cni-podman; exec sleep 1002' & podman=$!
# A link on the way: the kernel knows mounts by their real names.
rm -rf /var/lib/rancher/k3s; mkdir -p /var/lib/rancher; ln -s "$T/disk" /var/lib/rancher/k3s
family
deaf=$(cat "$FAKE_DIR/deaf") orphan=$(cat "$FAKE_DIR/orphan") shim=$(pgrep -f containerd-shim-x)
check "the family is there" alive "$deaf"
same "reparented children belong to the supervisor" "$(pid_of supervisor)" "$(awk '/^PPid/ {print $2}' "/proc/$orphan/status")"
rss=$(awk '/^VmRSS/ {print $2}' "/proc/$(pid_of supervisor)/status")
check "the supervisor is small (RSS $rss KiB)" test "$rss" -le 1536
run k3sbox stop
same "stop of a family" 0 "$rc"
check "a process that ignores SIGTERM is gone" not alive "$deaf"
check "reparented children are gone" not alive "$orphan"
check "shims are gone" not alive "$shim"
same "its mounts are gone" "" "$(grep -E ' (/run/k3s/|/var/lib/kubelet/pods/|/run/netns/cni-1)' /proc/self/mountinfo)"
same "behind a link too" "" "$(grep "$T/disk" /proc/self/mountinfo)"
check "a disk at the place stays" grep -q ' /var/lib/kubelet/pods ' /proc/self/mountinfo
check "a namespace that a process of others uses stays" grep -q ' /run/netns/cni-podman ' /proc/self/mountinfo
kill $podman; umount /run/netns/cni-podman /var/lib/kubelet/pods; rm /run/netns/cni-podman
check "a mount beside it stays" grep -q ' /run/k3sother ' /proc/self/mountinfo
check "its network namespace is gone" not test -e /run/netns/cni-1
check "another's stays" test -e /run/netns/other
check "its cgroups are gone" not test -e /sys/fs/cgroup/pids/kubepods
umount /run/k3sother

FAKE=stubborn "$K3SBOX" run >"$T/fg" 2>&1 & fg=$!
soon grep -q "k3s started" "$T/fg"
stubborn=$(pid_of k3s)
kill -TERM $fg; sleep 0.5
check "k3s that ignores SIGTERM is waited for" alive "$fg"
kill -TERM $fg
check "a second signal hastens" soon not alive "$stubborn"
wait $fg
same "the status is then the kill's" 137 $?
run k3sbox status
same "which status does not report as a crash" "3 k3sbox:      stopped" "$rc $out"

: >"$T/fg"   # what it says must not be the last one's
"$K3SBOX" run >"$T/fg" 2>&1 & fg=$!
soon grep -q "k3s started" "$T/fg"; soon grep -q "Starting the fake" "$(state log)"
kill -INT $fg
wait $fg
same "Ctrl-C: k3s's own status" 3 $?
has "k3s was told" "$(cat "$(state log)")" "told to stop"

: >"$T/fg"
"$K3SBOX" run -v >"$T/fg" 2>&1 & fg=$!
soon grep -q "Starting the fake" "$T/fg"
check "-v shows the log" grep -q "Starting the fake" "$T/fg"
kill -TERM $fg; wait $fg

family
deaf=$(cat "$FAKE_DIR/deaf") k3s=$(pid_of k3s)
env K3SBOX_CHILD=1 sleep 1003 & other=$!   # of another k3sbox, with a /run of its own
kill -KILL "$(pid_of supervisor)"
check "k3s goes with a supervisor that is killed" soon not alive "$k3s"
check "(its children do not)" alive "$deaf"
run k3sbox status
same "status then" 3 "$rc"
has "reports that processes are left, and what to do" "$out" killed "'k3sbox stop'"
run k3sbox clean
same "clean then: refused" 1 "$rc"
has "and what to do first" "$err" "'k3sbox stop' first"
run k3sbox stop
same "stop cleans up behind it" 0 "$rc"
has "and says so" "$out" "left"
check "no process is left" not alive "$deaf"
check "another k3sbox's processes stay" alive $other
kill $other
same "no mount is left" "" "$(grep -E ' (/run/k3s/|/var/lib/kubelet/pods/)' /proc/self/mountinfo)"
umount /run/k3sother

family
deaf=$(cat "$FAKE_DIR/deaf")
kill -KILL "$(pid_of supervisor)"
sleep 0.3
FAKE=silent run k3sbox run -d --wait=none
same "a run after a crash" 0 "$rc"
has "cleans up first" "$err" "was killed"
check "no process of the first is left" not alive "$deaf"
first=$(pid_of k3s)
run k3sbox restart --timeout 20
check "restart" test "$rc" = 0
check "restart ended the old one" not alive "$first"
check "restart started a new one" alive "$(pid_of k3s)"
run k3sbox stop

# Stopped from elsewhere before it was ready, by a k3s that ends with 0.
FAKE=chatty "$K3SBOX" run -d >"$T/early" 2>"$T/early.err" & early=$!
soon grep -q "k3s started" "$T/early"; soon grep -q tick "$(state log)"
run k3sbox stop
wait $early
same "run -d whose k3s is stopped before it is ready fails" 1 $?
check "and does not tell what to do next" not grep -q next: "$T/early"
has "and says why" "$(cat "$T/early.err")" "stopped before it was ready"

# /run/k3sbox damaged or removed under a running k3s: the processes' mark tells that it lives.
# damage WHAT COMMAND…: what every command does then, up to stop. The first stop takes the 5 s that
# pods get; the others end that sooner.
sooner=
damage() {
	what=$1; shift
	family
	deaf=$(cat "$FAKE_DIR/deaf") supervisor=$(pid_of supervisor) k3s=$(pid_of k3s)
	"$@"
	run k3sbox status
	has "$what: status says that k3s is running, and what to do" "$rc $out" "0 k3sbox:      running" /run/k3sbox "pid $supervisor" "'k3sbox stop'"
	run k3sbox status -o json
	same "$what: its JSON" "true $supervisor" "$(printf %s "$out" | jq -r '"\(.running) \(.pid)"')"
	began=$SECONDS
	run k3sbox run -d --timeout 10
	has "$what: run refuses, and what to do" "$rc $err" "1 " "'k3sbox stop'"
	check "$what: at once" test $((SECONDS - began)) -lt 8
	run k3sbox clean
	has "$what: clean refuses" "$rc $err" "1 " "'k3sbox stop' first"
	check "$what: k3s goes on" alive "$k3s"
	run k3sbox stop $sooner
	same "$what: stop" "0 stopped" "$rc ${out%%$'\n'*}"
	sooner="--timeout 1"
	check "$what: k3s is gone" not alive "$k3s"
	check "$what: its supervisor is gone" not alive "$supervisor"
	check "$what: what is deaf to SIGTERM is gone" not alive "$deaf"
	same "$what: no mount is left" "" "$(grep -E ' (/run/k3s/|/var/lib/kubelet/pods/)' /proc/self/mountinfo)"
	run k3sbox status
	same "$what: status after stop" 3 "$rc"
	umount /run/k3sother
	mkdir -p /run/k3sbox
	printf 'registry\tflag\tthat pause image named to k3s\t\n' >/run/k3sbox/journal
}
damage "directory removed" rm -rf /run/k3sbox
damage "state file removed" rm /run/k3sbox/state
damage "lock file removed" rm /run/k3sbox/lock
damage "empty state file" truncate -s 0 /run/k3sbox/state
damage "truncated state file" truncate -s 100 /run/k3sbox/state
family
deaf=$(cat "$FAKE_DIR/deaf") k3s=$(pid_of k3s)
kill -KILL "$(pid_of supervisor)"
rm -rf /run/k3sbox
soon not alive "$k3s"
run k3sbox status
has "supervisor killed, directory removed: status" "$rc $out" "3 " killed "'k3sbox stop'"
run k3sbox stop
has "and stop" "$rc $out" "0 " "left"
check "nothing is left" not alive "$deaf"
umount /run/k3sother
mkdir -p /run/k3sbox
printf 'registry\tflag\tthat pause image named to k3s\t\n' >/run/k3sbox/journal

# A k3sbox with a /run of its own is visible in /proc, but is another one.
cat >"$T/other" <<-'END'
	mount -t tmpfs none /run && mkdir /run/k3sbox && cp "$T/journal" /run/k3sbox/
	exec "$K3SBOX" run --data-dir "$T/otherdata"
END
cp /run/k3sbox/journal "$T/"
: >"$T/fg"
T=$T FAKE=silent unshare -m bash "$T/other" >"$T/fg" 2>&1 & other=$!
check "another k3sbox, in a mount namespace of its own" soon grep -q "k3s started" "$T/fg"
run k3sbox status
same "is not this one" "3 k3sbox:      stopped" "$rc $out"
run k3sbox stop
same "and is not stopped" "0 nothing is running" "$rc $out"
check "it goes on" alive $other
kill $other; wait $other

# Another kubelet uses the same directories as k3s's.
cp /bin/sleep "$FAKE_DIR/kubelet"
"$FAKE_DIR/kubelet" 1004 & kubelet=$!
family
kill -KILL "$(pid_of supervisor)"
run k3sbox stop
same "stop beside another kubelet" 0 "$rc"
has "leaves mounts alone" "$err" "pid $kubelet"
check "they may be that one's" grep -q ' /var/lib/kubelet/pods/p ' /proc/self/mountinfo
run k3sbox run -d --wait=none --mode control-plane
run k3sbox stop
same "a control plane alone has none" "0 " "$rc $err"
kill $kubelet; wait $kubelet 2>/dev/null
FAKE=silent run k3sbox run -d --wait=none
run k3sbox stop
same "without it they go" "" "$(grep -E ' (/run/k3s/|/var/lib/kubelet/pods/)' /proc/self/mountinfo)"
umount /run/k3sother

# What `install` made is not init's to take back.
"$K3SBOX" install --symlink noop loopback >/dev/null
run k3sbox clean
check "clean without init takes no link" test -L /opt/cni/bin/noop -a -L /opt/cni/bin/loopback
rm /opt/cni/bin/noop
run k3sbox init -q
run k3sbox clean
check "clean takes those that init made" test ! -L /opt/cni/bin/noop -o "$(cat /run/k3sbox/journal 2>/dev/null)"
check "and no other" test -L /opt/cni/bin/loopback
rm -f /opt/cni/bin/loopback
mkdir -p /run/k3sbox; printf 'PAUSE_NAME\t\n' >/run/k3sbox/journal

(trap '' HUP; exec "$K3SBOX" run >"$T/hup" 2>&1) & hup=$!
soon grep -q "k3s started" "$T/hup"
kill -HUP $hup; sleep 0.5
check "nohup is respected" alive $hup
kill -TERM $hup; wait $hup

FAKE=silent run k3sbox run -d --wait=none --data-dir "$T/data" -- --snapshotter=native --kubelet-arg=max-pods=5
same "the user's flags" 0 "$rc"
has "are given on" "$(told args)" "--snapshotter=native" "--kubelet-arg=max-pods=5" "--data-dir=$T/data"
same "once" 1 "$(told args | grep -c snapshotter)"
run k3sbox restart
has "restart keeps them" "$(told args)" "--kubelet-arg=max-pods=5" "--data-dir=$T/data"
check "the data directory is used" soon test -s "$T/data/k3sbox/k3s.log"
has "the mark is in k3s's environment" "$(told env)" "K3SBOX_CHILD=$(stat -c '%D' /run/k3sbox)-"
run k3sbox stop
run k3sbox run -d --wait=none --mode control-plane
has "control plane" "$(told args)" "--disable-agent"
run k3sbox stop


# k3s's own configuration file counts as the user's word.
mkdir -p /etc/rancher/k3s
printf 'data-dir: %s\nkubelet-arg:\n  - image-gc-high-threshold=80\npause-image: mine\nwrite-kubeconfig: /tmp/elsewhere.yaml\n' "$T/conf" \
	>/etc/rancher/k3s/config.yaml
run k3sbox run -d --wait=none
same "a configuration file of k3s" 0 "$rc"
check "its data directory is ours" soon test -s "$T/conf/k3sbox/k3s.log"
check "what it says is not overruled" not grep -q -e pause-image -e high-threshold -e data-dir <<<"$(told args)"
same "its kubeconfig is the one that is looked for" /tmp/elsewhere.yaml "$(state kubeconfig)"
run k3sbox stop
printf '\xef\xbb\xbfx: &dir %s\ndata-dir: *dir\nnode-ip: *none\nkubelet-arg: [image-gc-high-threshold=80,\n  x=y]\npause-image:\n  mine\n' "$T/conf" \
	>/etc/rancher/k3s/config.yaml
run k3sbox run -d --wait=none
has "a value that is not understood is said" "$err" "config.yaml: line 3" "may be overruled"
check "what k3s obeys is not overruled" not grep -q -e pause-image -e high-threshold -e data-dir <<<"$(told args)"
same "the data directory is an anchor's" "$T/conf/k3sbox/k3s.log" "$(state log)"
run k3sbox stop
printf 'data-dir: *none\n' >/etc/rancher/k3s/config.yaml
run k3sbox run -d --wait=none
same "a data directory that cannot be known: exit status" 1 "$rc"
has "and why, and what to do" "$err" "config.yaml: line 1" "k3s cannot run here" "data directory" "--data-dir DIR"
run k3sbox run -d --wait=none --data-dir /var/lib/rancher/k3s
has "one that is named is given on" "$rc $(told args)" "0 " "--data-dir=/var/lib/rancher/k3s"
run k3sbox stop
rm /etc/rancher/k3s/config.yaml

# The node's name, and the password by which k3s knows it.
name=$(cat /proc/sys/kernel/hostname)
echo My_Box. >/proc/sys/kernel/hostname
run k3sbox run -d --wait=none
has "a host name that Kubernetes refuses" "$(told args)" "--node-name=my-box"
same "the name is in the state" my-box "$(state node)"
run k3sbox stop
run k3sbox run -d --wait=none -- --node-name Other
check "the user's own is left alone" not grep -q my-box <<<"$(told args)"
run k3sbox stop
mkdir -p /var/lib/rancher/k3s/agent /var/lib/rancher/k3s/k3sbox /etc/rancher/node
printf -- '-----BEGIN CERTIFICATE-----\nMB4xHDAaBgNVBAMME3N5c3RlbTpub2RlOm9sZC5ib3g=\n-----END CERTIFICATE-----\n' >/var/lib/rancher/k3s/agent/client-kubelet.crt
echo secret >/var/lib/rancher/k3s/k3sbox/node-password
echo new-name >/proc/sys/kernel/hostname
run k3sbox run -d --wait=none
has "data that know the node by another name" "$(told args)" "--node-name=old.box"
same "the node's password is restored" "secret 600" "$(cat /etc/rancher/node/password) $(stat -c %a /etc/rancher/node/password)"
run k3sbox stop
rm -rf /etc/rancher/node /var/lib/rancher/k3s/k3sbox/node-password
run k3sbox doctor
has "without a copy" "$out" "warning   node-password: " "kubectl -n kube-system delete secret"
rm -rf /var/lib/rancher/k3s/agent /etc/rancher/node
echo "$name" >/proc/sys/kernel/hostname

# The cluster's address ranges.
ip link add range0 type bridge; ip link set range0 up; ip route add 10.42.0.0/16 dev range0
run k3sbox run -d --wait=none
has "the machine's network in the pods' range" "$(told args)" "--cluster-cidr=10.44.0.0/16"
check "the Services' range stays" not grep -q service-cidr <<<"$(told args)"
run k3sbox stop
ip link del range0
run k3sbox run -d --wait=none
has "the cluster keeps its range" "$(told args)" "--cluster-cidr=10.44.0.0/16"
run k3sbox stop
rm /var/lib/rancher/k3s/k3sbox/ranges
run k3sbox run -d --wait=none
check "another has the default" not grep -q cluster-cidr <<<"$(told args)"
run k3sbox stop

FAKE=silent run k3sbox run -d -- --disable-apiserver --cluster-init
has "an etcd server alone has no API to wait for" "$rc $err" "0 " "disable-apiserver: k3s has no API here"
run k3sbox stop

# Names relative to where run was called.
mkdir -p "$T/here"
(cd "$T/here" && FAKE=silent "$K3SBOX" run -d --wait=none --data-dir new/data -- -o kube/config >/dev/null)
check "a relative data directory that is not there yet" soon test -s "$T/here/new/data/k3sbox/k3s.log"
has "is given on as a full name" "$(told args)" "--data-dir=$T/here/new/data"
same "k3s runs where run was called" "$T/here" "$(told cwd)"
same "the supervisor does not" / "$(readlink "/proc/$(pid_of supervisor)/cwd")"
same "the kubeconfig's place, by its short option" "$T/here/kube/config" "$(state kubeconfig)"
run k3sbox restart
has "restart starts it there as well" "$(told cwd) $(state kubeconfig)" "$T/here $T/here/kube/config"
run k3sbox clean
same "clean under a running k3s: refused" 1 "$rc"
has "and what to do first" "$err" "k3sbox stop"
run k3sbox stop
long=$T/$(printf '%0.sx' $(seq 240))
run k3sbox run -d --wait=none --data-dir "$long"
same "a data directory whose name is too long" 1 "$rc"
has "is said" "$err" "too long"

# What the caller has open must not stay open for as long as k3s runs.
bash -c 'exec 9>"$1" && exec "$2" run -d --wait=none' - "$T/held" "$K3SBOX" >/dev/null
same "descriptors of the caller are closed" "" "$(readlink /proc/"$(pid_of supervisor)"/fd/9 /proc/"$(pid_of k3s)"/fd/9 | grep held)"
check "the lock is not" not flock -n /run/k3sbox/lock true
run k3sbox stop

# stop and status while run still prepares.
FAKE=silent FAKE_SLOW=2 "$K3SBOX" run -d --wait=none >/dev/null 2>&1 & preparing=$!
soon not flock -n /run/k3sbox/lock true
rm -f /run/k3sbox/state
run k3sbox status
has "status while it prepares the first time" "$rc $out" "0 " running starting
began=$SECONDS
run k3sbox stop --timeout 20
same "stop while it prepares" "0 stopped" "$rc ${out%%$'\n'*}"
check "is a matter of seconds" test $((SECONDS - began)) -lt 15
wait $preparing
run k3sbox status
same "and it is gone" 3 "$rc"
# A process that holds the lock for a moment is no running k3sbox.
flock /run/k3sbox/lock sleep 0.5 & looker=$!
soon not flock -n /run/k3sbox/lock true
FAKE=silent run k3sbox run -d --wait=none
same "a lock that is held for a moment only" 0 "$rc"
check "k3s is started" alive "$(pid_of k3s)"
run k3sbox stop
wait $looker
# Nor is one whose lock cannot even be tried.
flock /run/k3sbox/lock sleep 1 & looker=$!
soon not flock -n /run/k3sbox/lock true
{ sleep 0.5; mv /run/k3sbox/lock /run/k3sbox/kept; mkdir /run/k3sbox/lock; } & breaker=$!
run k3sbox run --timeout 20
same "a lock that becomes a directory: exit status" 1 "$rc"
has "a lock that becomes a directory: the reason" "$err" /run/k3sbox/lock directory
wait $looker $breaker
rmdir /run/k3sbox/lock; rm /run/k3sbox/kept

busybox nc -ll -p 6443 -e /bin/true & holder=$!
sleep 0.3
run k3sbox run -d --timeout 5
same "the port is taken" 1 "$rc"
has "the port is taken: which, by whom, and what to do" "$err" "6443" "busybox, pid $holder" "--https-listen-port"
run k3sbox run -d --wait=none -- --https-listen-port=7443
same "another port" 0 "$rc"
run k3sbox stop
kill $holder; wait $holder 2>/dev/null
busybox nc -ll -p 10250 -e /bin/true & holder=$!
sleep 0.3
run k3sbox run -d --wait=none --mode node
has "the kubelet's port is taken" "$rc $err" "1 " "port 10250, on which kubelet listens, is taken: busybox"
run k3sbox run -d --wait=none
has "then the control plane alone is started" "$rc $err" "0 " "only the control plane" "port 10250"
run k3sbox stop
run k3sbox run -d --wait=none -- --kubelet-arg=port=10350
check "a port that the user has moved" not grep -q 'port 10250' <<<"$err"
run k3sbox stop
kill $holder; wait $holder 2>/dev/null
run k3sbox doctor -- --flannel-backend=none
has "flannel is off, and there is no other network" "$out" "warning   network: --flannel-backend=none, and /etc/cni/net.d" \
	"no pods until a network plugin is installed"
default=$(ip route show default)
ip route del default
run k3sbox init -q
same "without a default route, one for Services: init" 0 "$rc"
has "goes over the link that has the address" "$(ip route get 10.43.0.1 2>&1)" "10.43.0.1 dev eth0"
run k3sbox clean
check "clean removes it" test -z "$(ip route show 10.43.0.0/16)"
ip route add $default

unshare -pf --mount-proc env FAKE_SLOW=20 bash -c 'exec "$1" run >/dev/null 2>&1' - "$K3SBOX" & holder=$!
soon pgrep -P $holder -f 'k3sbox run' >/dev/null; sleep 0.5
kill -TERM "$(pgrep -P $holder)"
wait $holder
same "as process 1, still preparing: SIGTERM" 143 $?
"$K3SBOX" pause & # something of the user's that must survive
mine=$!
unshare -pf --mount-proc bash -c 'exec "$1" run >"$2" 2>&1' - "$K3SBOX" "$T/one" & holder=$!
soon grep -q "k3s started" "$T/one"; soon grep -q "Starting the fake" "$(state log)"
one=$(pgrep -P $holder)
kill -TERM "$one"
wait $holder
same "as process 1: SIGTERM, k3s's status" 3 $?
check "processes of others are left alone" alive $mine
kill $mine
