module k3sbox.test/rig/k3s

go 1.26
