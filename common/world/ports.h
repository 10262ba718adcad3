/* Ports of a world's node that lead to pods (hostPort): the contract between the CNI plugin and
 * netd. The plugin writes a file for each attachment, and tells netd, which listens and answers
 * whether it can. netd reads all files when it starts, so the ports outlive it. */
#ifndef K3SBOX_PORTS_H
#define K3SBOX_PORTS_H

#include "base/err.h"
#include "net/endpoint.h"

struct buf;

/* In the world's own /run. Files whose names begin with a dot are no attachments. */
#define PORTS_DIR "/run/k3sbox-ports"
#define PORTS_SOCKET PORTS_DIR "/.netd"

enum { PORTS_MAX = 256, PORTS_NAME = 32, PORTS_FILE_MAX = 64 * 1024, PORTS_ANSWER = 512 };

struct port {
	bool udp;
	struct endpoint host;      /* address 0.0.0.0 or ::, all addresses of the node */
	struct endpoint pod;
};

/* ---- the file: one line a port, "tcp 0.0.0.0:8080=10.42.0.5:80". Pure ---- */

void ports_format(const struct port *v, size_t n, struct buf *out);
/* How many there are; -EBADMSG for what is not such a file, or has more than max ports. */
int ports_parse(const char *text, size_t len, struct port *out, size_t max);

/* May it be the name of an attachment's file? Letters and digits. Pure. */
bool ports_is_name(const char *s, size_t n);

/* ---- for the plugin ---- */

/* Makes netd listen: writes the file, tells netd and waits for its answer. If netd cannot listen on
 * one of the ports, or does not answer, the file is removed again. n is at least 1. 0, or -errno
 * with the reason in e. */
int ports_open(const char *name, const struct port *v, size_t n, struct err *e);

/* Removes the file, and tells netd. 0 also if there is none; -errno. */
int ports_close(const char *name);

#endif
