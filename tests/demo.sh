#!/bin/bash
# The main use, in a gVisor sandbox: init, run, a pod from an image packed here, its logs and an
# exec.
set -eu
W=$(mktemp -d)
trap 'rm -rf "$W"' EXIT
"$K3SBOX" image pack --tag hello:demo --entrypoint /busybox /bin/busybox -o "$W/hello.tar"
cat >"$W/pod.yaml" <<'Y'
apiVersion: v1
kind: Pod
metadata: {name: hello}
spec:
  containers:
  - name: hello
    image: hello:demo
    imagePullPolicy: Never
    args: [sh, -c, "echo hello from a pod in a sandbox; exec /busybox sleep 3600"]
Y
cat >"$W/inside.sh" <<'S'
set -eu
PATH=$RIG:$PATH
step() { echo; echo "\$ $*"; "$@"; }
mkdir -p /var/lib/rancher/k3s/agent/images
cp "$W/hello.tar" /var/lib/rancher/k3s/agent/images/
step k3sbox init
step k3sbox run -d
step k3sbox kubectl create -f "$W/pod.yaml"
step k3sbox kubectl wait --for=condition=Ready --timeout=60s pod/hello
step k3sbox kubectl get node,pod -o wide
step k3sbox kubectl logs hello
step k3sbox kubectl exec hello -- /busybox id
step k3sbox status
step k3sbox stop
S
mkdir "$W/bin"
ln -s "$K3SBOX" "$W/bin/k3sbox"
sed -i "s|^PATH=.*|PATH=$W/bin:$RIG:\$PATH|" "$W/inside.sh"
echo "opening a gVisor sandbox ($("$RIG/runsc" --version | head -1))"
"$RIG/sandbox" --env E2 --set "RIG=$RIG" --set "W=$W" -- bash "$W/inside.sh"
