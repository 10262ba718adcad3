/* The pause image, for callers that need no other image. */
#ifndef K3SBOX_IMAGE_PACK_H
#define K3SBOX_IMAGE_PACK_H

/* The pause image that k3s uses unless --pause-image names another (k3s pkg/cli/cmds/agent.go,
 * DefaultPauseImage). */
#define IMAGE_PAUSE_TAG "docker.io/rancher/mirrored-pause:3.6"

/* Packs this program as /pause into an archive for k3s's images directory or `ctr images
 * import`. The directory of out_path must exist; a file at out_path is replaced when the new one
 * is complete. 0, -EINVAL for a tag that is no reference, or -errno. */
int image_pack_pause(const char *out_path, const char *tag);

#endif
