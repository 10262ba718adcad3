#!/bin/sh
# For the start of an agent's or a notebook's session: starts a cluster in the background if none
# runs, never waits for it, and prints the variables that the session needs:
#     eval "$(session-start.sh)"
# It succeeds even where k3s cannot start: a session is of use without a cluster.
command -v k3sbox >/dev/null 2>&1 || { echo "# k3sbox is not installed"; exit 0; }
k3sbox status >/dev/null 2>&1
if [ $? = 3 ]; then   # nothing runs
	k3sbox run -d --wait=none >/dev/null 2>&1 || echo "# k3sbox cannot start k3s; 'k3sbox doctor' says why"
fi
echo "export KUBECONFIG=/etc/rancher/k3s/k3s.yaml"
exit 0
