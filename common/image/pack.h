/* What other applets need of `image`. */
#ifndef K3SBOX_IMAGE_PACK_H
#define K3SBOX_IMAGE_PACK_H

/* The pause image that k3s asks for unless --pause-image says otherwise (k3s pkg/cli/cmds/agent.go:
 * DefaultPauseImage). */
#define IMAGE_PAUSE_TAG "docker.io/rancher/mirrored-pause:3.6"

/* Writes an archive for k3s's images folder or `ctr images import` with this very program as /pause. The
 * folder must be there; a file at out_path is replaced once the new one is complete. 0; -EINVAL if the tag
 * is none; -errno. */
int image_pack_pause(const char *out_path, const char *tag);

#endif
