/* A containerd template for k3s versions whose default runtime no flag changes (before 2024):
 * the whole of k3s's own of that time, because a table that its base has cannot be given a
 * second time. */
#ifndef K3SBOX_RUN_TEMPLATE_H
#define K3SBOX_RUN_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/io.h"

struct buf;

/* Directory of the link `crun` that k3s finds in PATH. */
#define RUN_BIN K3SBOX_RUN "/bin"

/* Where k3s looks for it, below its data directory. */
#define TEMPLATE_FILE "agent/etc/containerd/config.toml.tmpl"

/* Appends a version 2 template whose runc is the program at binary. */
void template_write(const char *binary, struct buf *out);

/* Was this text made by template_write() (so that it may be replaced and removed)? */
bool template_is_ours(const char *text, size_t len);
/* The same of a file; true if there is none. */
bool template_file_is_ours(const char *path);

#endif
