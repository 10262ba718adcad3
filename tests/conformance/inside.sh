# Runs inside the sandbox for as long as that lives: a cluster with the suite's images. $DIR, $OPTS,
# $RIG and $RIG_IP come from conformance.sh and the sandbox; $DIR is shared with the machine
# outside, where the suite runs.
export PATH=$DIR/bin:$RIG:$PATH
say() { echo "$*" >>"$DIR/log"; }
die() { say "failed: $*"; touch "$DIR/failed"; exit 1; }

data=/var/lib/rancher/k3s
mkdir -p $data/agent/images
cp "$DIR"/images/*.tar $data/agent/images/
k3sbox run -d $OPTS --timeout 900 >>"$DIR/log" 2>&1 || die "run -d"
world=
grep -q 'namespaces of its own' "$DIR/log" && world="k3sbox enter"
while read -r name further; do
	$world "$RIG/ctr" --address /run/k3s/containerd/containerd.sock -n k8s.io \
		images tag "$name" "$further" >>"$DIR/log" 2>&1 || die "cannot tag $further"
done <"$DIR/images/tags"
# The archives are no longer read; in gVisor they lie in memory.
rm -f $data/agent/images/*
sed "s|server: https://[^:]*:|server: https://$RIG_IP:|
	/server: /a\\    tls-server-name: kubernetes" /etc/rancher/k3s/k3s.yaml \
	>"$DIR/kubeconfig.new"
mv "$DIR/kubeconfig.new" "$DIR/kubeconfig"
touch "$DIR/up"
while [ ! -e "$DIR/quit" ]; do sleep 1; done
k3sbox logs -n 2000 >"$DIR/k3s.log" 2>&1
k3sbox stop >>"$DIR/log" 2>&1
k3sbox clean >>"$DIR/log" 2>&1
touch "$DIR/stopped"
