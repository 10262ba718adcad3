/* The frame of a CNI plugin: environment, configuration, order of checks, errors and exit status of
 * containernetworking's pkg/skel (cni v1.3.0), and its results. A plugin is a table of functions. */
#ifndef K3SBOX_CNI_H
#define K3SBOX_CNI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "cni/gojson.h"
#include "net/ip.h"

/* Codes of the specification; CNI_INTERNAL is skel's wrapper for every error without a code of its own. */
enum {
	CNI_VERSION_ERROR = 1, CNI_UNSUPPORTED_FIELD = 2, CNI_UNKNOWN_CONTAINER = 3, CNI_BAD_ENVIRONMENT = 4, CNI_IO = 5,
	CNI_DECODE = 6, CNI_BAD_CONFIG = 7, CNI_BAD_NETNS = 8, CNI_TRY_AGAIN = 11, CNI_NOT_AVAILABLE = 50, CNI_INTERNAL = 999,
};

enum cni_command { CNI_ADD, CNI_CHECK, CNI_DEL, CNI_GC, CNI_STATUS, CNI_COMMAND_COUNT };

/* K3SBOX_CNI_COMPAT, for comparing with upstream: nothing (newest semantics and what is better here),
 * "1.9.1" (the newest upstream release as it is), "1.1.1" (Debian 12's). */
enum cni_compat { CNI_BETTER, CNI_191, CNI_111 };

struct cni {
	const struct cni_plugin *plugin;
	enum cni_compat compat;
	const char *command, *id, *netns, *ifname, *args, *path;   /* never NULL; "" if not set */
	struct buf text;               /* the configuration as it came */
	struct json conf;
	struct str name, version;      /* from the configuration; an empty version is "0.1.0" */
	struct buf out;                /* goes to standard output at the end */
	unsigned code;                 /* of the error, 0: none so far */
	struct buf msg, details;
	struct arena arena;
};

struct cni_plugin {
	const char *name;
	const char *help;              /* for --help */
	const char *bare_answer;       /* stdout when called without any CNI_ variable; may be NULL */
	bool any_netns;                /* CNI_NETNS may be the plugin's own */
	int (*run[CNI_COMMAND_COUNT])(struct cni *c);   /* 0, or -1 after cni_fail(); NULL: nothing to do */
};

/* Runs the plugin to the process's end. argv matters only for --help and --version: then it returns the
 * exit status. */
int cni_main(const struct cni_plugin *p, int argc, char **argv);

/* A call outside cni_main(): in tests. */
void cni_begin(struct cni *c, const struct cni_plugin *p);
void cni_end(struct cni *c);

/* Notes the error; returns -1. The first one stays. */
int cni_fail(struct cni *c, unsigned code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* "OPERATION PATH: reason", Go's PathError. */
int cni_fail_path(struct cni *c, const char *op, const char *path, int err);
int cni_fail_str(struct cni *c, unsigned code, const char *prefix, struct str s);
/* Forgets it, to go on after a failed try. */
void cni_forgive(struct cni *c);

/* Is configuration version a at least b? Both are of the supported form. */
bool cni_version_at_least(struct str a, const char *b);

/* ---- results ---- */

struct cni_interface { struct str name, mac, sandbox, socket_path, pci_id; int64_t mtu; };
struct cni_ip { struct str version; int64_t *interface; struct cidr address; struct ip gateway; };
struct cni_route { struct cidr dst; struct ip gw; int64_t mtu, advmss, priority, *table, *scope; };
struct cni_dns { struct slice nameservers; struct str domain; struct slice search, options; };

/* 0.2.0's: one address of a family, with routes of any. */
struct cni_ip02 { struct cidr ip; struct ip gateway; struct slice routes; };

/* Results of all versions in one. One that was read keeps what only its own version has, and is printed in that version as it came. */
struct cni_result {
	enum { CNI_RESULT_100, CNI_RESULT_040, CNI_RESULT_020 } read_as;
	struct cni_ip02 *ip4, *ip6;    /* read as 0.2.0: also in ips and routes */
	struct slice interfaces;       /* struct cni_interface *, NULL: null */
	struct slice ips;              /* struct cni_ip *, the same */
	struct slice routes;           /* struct cni_route *, the same */
	struct cni_dns dns;
};

extern const struct go_type cni_routes_type, cni_dns_type, cni_ipnet_type, cni_net_ip_type;

void *cni_append(struct cni *c, struct slice *pointers, size_t size);   /* a new zeroed element at the end */

/* Prints the result in the layout of a version to c->out, which says that it is of version label. 0, or -1
 * after cni_fail(). */
int cni_print_result(struct cni *c, const struct cni_result *r, struct str version, struct str label);

/* Reads a result in the layout that the version has. 0, or -1 with Go's message in *why. */
int cni_parse_result(struct cni *c, const struct json *j, const struct json_node *n, struct str version,
	struct cni_result *r, struct str *why);

#endif
