module k3sbox.test/rig/cni/libcni

go 1.26

require github.com/containernetworking/cni v1.2.3
