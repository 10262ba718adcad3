# For the container in the virtual machine: a link with an address and a default route.
ip link set lo up
ip link add eth0 type veth peer name eth1
ip addr add 172.17.0.2/16 dev eth0
ip link set eth0 up
ip route add default via 172.17.0.1
echo "172.17.0.2 box" >>/etc/hosts
