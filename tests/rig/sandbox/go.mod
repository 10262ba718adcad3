module k3sbox.test/rig/sandbox

go 1.26
