module k3sbox.test/rig/flannel-cni

go 1.26
