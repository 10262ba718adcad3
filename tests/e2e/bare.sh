# E6: the project's own image (dist/image.sh), which has nothing but k3sbox, k3s and the parts of the
# stand-in: no shell, no /etc; `k3sbox run` is process 1. All checks are therefore made from outside,
# over the network.
cd "$TOP" || exit 1
. tests/lib.sh
SUITE="e2e E6"
root=$T/root
files=()
for part in containerd containerd-shim-runc-v2 ctr runc crictl kube busybox; do
	files+=("$(readlink -f "$RIG/$part")=/rig/$part")
done
for part in kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubelet kubectl kine; do
	files+=("--link=/rig/$part=kube")
done
run env IMAGE_PATH=/rig dist/image.sh "$K3SBOX" "$RIG/k3s" "$T/image.tar" "${files[@]}"
same "the project's image is packed" 0 "$rc"
mkdir -p "$root" "$T/image" "$T/out"
tar -xf "$T/image.tar" -C "$T/image" && rm "$T/image.tar"
(cd "$T/image" && tar -xf "$(jq -r '.[0].Layers[]' manifest.json)" -C "$root")
config=$(cat "$T/image/$(jq -r '.[0].Config' "$T/image/manifest.json")")
rm -r "$T/image"
of() { jq -r ".config.$1" <<<"$config"; }
same "its entrypoint, command and directory" "/k3sbox run /tmp" \
	"$(of 'Entrypoint[]') $(of 'Cmd[]') $(of WorkingDir)"
# What a runtime makes: the working directory, and a volume with an archive of images.
mkdir -p "$root$(of WorkingDir)" "$root/var/lib/rancher/k3s/agent/images"
cp "$IMAGE" "$root/var/lib/rancher/k3s/agent/images/"
same "there is no shell in the root" "" "$(find "$root" -name sh -o -name bash -o -name mount -o -name umount -o -name iptables -o -path "$root/etc")"

# shellcheck disable=SC2046 # words
"$RIG/sandbox" --env E6 --root "$root" --share "$T/out" --set "$(of 'Env[]')" -- \
	$(of 'Entrypoint[]') $(of 'Cmd[]') -- --write-kubeconfig "$T/out/kubeconfig" >"$T/log" 2>&1 & box=$!
at_exit() { kill $box 2>/dev/null; wait $box; }
soon() { until_=$((SECONDS + $1)); shift; until "$@" >/dev/null 2>&1; do [ $SECONDS -lt $until_ ] && kill -0 $box 2>/dev/null || return 1; sleep 0.3; done; }
check "k3sbox run, as process 1: ready" soon 120 grep -q 'pods can be created' "$T/log" || { tail -n 20 "$T/log"; exit 1; }
has "phases are printed" "$(cat "$T/log")" "API ready" "node sandbox Ready"
k() { "$RIG/kubectl" --kubeconfig "$T/out/kubeconfig" --server "https://$ip:6443" "$@"; }
for ip in $(ip -o -4 addr | sed -n 's/.* \(10\.213\.[0-9]*\)\.1\/.*/\1.2/p'); do timeout 10 "$RIG/kubectl" --kubeconfig "$T/out/kubeconfig" \
	--server "https://$ip:6443" get --raw /readyz >/dev/null 2>&1 && break; done
same "node is Ready" True "$(k get node sandbox -o jsonpath='{.status.conditions[?(@.type=="Ready")].status}')"
run k create -f tests/e2e/hello.yaml
same "a pod can be created at once" 0 "$rc"
run k wait --for=condition=Ready --timeout=60s pod/hello
same "pod runs" 0 "$rc"
[ "$rc" = 0 ] || k describe pod hello | tail -n 5 | cut -c1-500
has "its logs" "$(k logs hello 2>&1)" "hello from the pod"
has "exec in it" "$(k exec hello -- /busybox id 2>&1)" "uid=0"
same "process 1 is k3sbox" "" "$(grep -v '^ *[0-9.]* s  ' "$T/log" | head -n 3)"
kill -USR1 $box; rc=0; wait $box || rc=$?
at_exit() { :; }
same "SIGTERM ends it, with status 0" "0 1" "$rc $(grep -c '  stopped$' "$T/log")"
