// The versions have a go.mod each: vVERSION.mod. This one only marks the module.
module k3sbox.test/rig/cni/libcni
