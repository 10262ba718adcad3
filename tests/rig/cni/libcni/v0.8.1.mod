module k3sbox.test/rig/cni/libcni

go 1.26

require github.com/containernetworking/cni v0.8.1
