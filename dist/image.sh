#!/bin/sh
# image.sh K3SBOX K3S X.tar [FILE=/path/in/image | --link=/PATH=TARGET]…: the image of
# dist/Containerfile as an archive for `docker load`, with more files if they are named. TAG: its
# name (k3sbox). IMAGE_PATH: its PATH (/).
k3sbox=$1 k3s=$2 archive=$3
shift 3
exec "$k3sbox" image pack --tag "${TAG:-k3sbox}" --entrypoint /k3sbox --cmd run \
	--env "PATH=${IMAGE_PATH:-/}" --workdir /tmp -o "$archive" \
	"$k3sbox=/k3sbox" "$k3s=${IMAGE_PATH:-}/k3s" "$@"
