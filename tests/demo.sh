#!/bin/bash
# The main use, in an unprivileged gVisor container (Docker's default capabilities): run, two pods from an
# image packed here that talk to each other, logs, exec.
set -eu
W=$(mktemp -d)
trap 'rm -rf "$W"' EXIT
"$K3SBOX" image pack --tag hello:demo --entrypoint /busybox /bin/busybox -o "$W/hello.tar"
cat >"$W/pods.yaml" <<'Y'
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  containers:
  - name: web
    image: hello:demo
    imagePullPolicy: Never
    args: [sh, -c, "mkdir /www; echo hello from a pod >/www/index.html; exec /busybox httpd -f -p 8080 -h /www"]
    readinessProbe: {httpGet: {path: /index.html, port: 8080}, periodSeconds: 1}
---
apiVersion: v1
kind: Pod
metadata: {name: hello}
spec:
  containers:
  - name: hello
    image: hello:demo
    imagePullPolicy: Never
    args: [sh, -c, "echo hello from another pod; exec /busybox sleep 3600"]
Y
cat >"$W/inside.sh" <<'S'
set -eu
PATH=$W/bin:$RIG:$PATH
step() { echo; echo "\$ $*"; "$@"; }
mkdir -p /var/lib/rancher/k3s/agent/images
cp "$W/hello.tar" /var/lib/rancher/k3s/agent/images/
step grep CapEff /proc/self/status
step k3sbox init
step k3sbox run -d
step k3sbox kubectl create -f "$W/pods.yaml"
step k3sbox kubectl wait --for=condition=Ready --timeout=60s pod/web pod/hello
step k3sbox kubectl get node,pod -o wide
step k3sbox kubectl logs hello
address=$(k3sbox kubectl get pod web -o jsonpath='{.status.podIP}')
step k3sbox kubectl exec hello -- /busybox wget -qO- "http://$address:8080/index.html"
step k3sbox enter ip -brief address
step k3sbox status
step k3sbox stop
S
mkdir "$W/bin"
ln -s "$K3SBOX" "$W/bin/k3sbox"
echo "an unprivileged container: gVisor with Docker's default capabilities ($("$RIG/runsc" --version | head -1))"
"$RIG/sandbox" --env E10 --set "RIG=$RIG" --set "W=$W" -- bash "$W/inside.sh"
