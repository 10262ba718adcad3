/* Probes: each does the real thing, mostly in a forked child with namespaces of its own, and leaves nothing behind. Only
 * common/facts.c calls them. */
#ifndef K3SBOX_PROBE_H
#define K3SBOX_PROBE_H

#include "plan/plan.h"

/* Fills in r as an obstacle of this kind (NULL: none in particular) with printf-like why. */
void obstacle(struct fact_result *r, const char *kind, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The same with strerror(err) behind "what: ". */
void obstacle_errno(struct fact_result *r, const char *kind, const char *what, int err);

/* Runs fn (which returns 0 or a positive errno) in a child with its own mount namespace, its mounts private; 0, or a positive errno. */
int probe_in_mount_namespace(int (*fn)(void *arg), void *arg);

void probe_root(const struct options *o, struct fact_result *r);
void probe_k3s(const struct options *o, struct fact_result *r);
void probe_data_dir(const struct options *o, struct fact_result *r);
void probe_procfs(const struct options *o, struct fact_result *r);
void probe_kmsg(const struct options *o, struct fact_result *r);
void probe_passwd(const struct options *o, struct fact_result *r);
void probe_procsys(const struct options *o, struct fact_result *r);
void probe_cap_last_cap(const struct options *o, struct fact_result *r);
void probe_pod_sysctls(const struct options *o, struct fact_result *r);
void probe_oom_score(const struct options *o, struct fact_result *r);
void probe_capabilities(const struct options *o, struct fact_result *r);
void probe_pipe_owner(const struct options *o, struct fact_result *r);
void probe_keyring(const struct options *o, struct fact_result *r);
void probe_subreaper(const struct options *o, struct fact_result *r);
void probe_ptrace(const struct options *o, struct fact_result *r);

void probe_mount(const struct options *o, struct fact_result *r);
void probe_propagation(const struct options *o, struct fact_result *r);
void probe_overlay(const struct options *o, struct fact_result *r);
void probe_image_device(const struct options *o, struct fact_result *r);
void probe_mask(const struct options *o, struct fact_result *r);
void probe_readonly(const struct options *o, struct fact_result *r);
void probe_devpts(const struct options *o, struct fact_result *r);
void probe_mount_link(const struct options *o, struct fact_result *r);
void probe_join(const struct options *o, struct fact_result *r);
void probe_netns_pin(const struct options *o, struct fact_result *r);

void probe_cgroup(const struct options *o, struct fact_result *r);
void probe_cgroup_devices(const struct options *o, struct fact_result *r);
void probe_cgroup_v1(const struct options *o, struct fact_result *r);
void probe_cgroup_write(const struct options *o, struct fact_result *r);
void probe_cgroup_type(const struct options *o, struct fact_result *r);
void probe_cgroup_namespace(const struct options *o, struct fact_result *r);
void probe_root_stats(const struct options *o, struct fact_result *r);

void probe_iptables(const struct options *o, struct fact_result *r);
void probe_pod_network(const struct options *o, struct fact_result *r);
void probe_default_route(const struct options *o, struct fact_result *r);
void probe_node_name(const struct options *o, struct fact_result *r);
void probe_registry(const struct options *o, struct fact_result *r);
bool registry_settled(const struct options *o);

/* First address that is not loopback or link-local, as text; false if there is none. */
bool net_first_address(char *out, size_t size);

/* The node's name as k3s makes it: the host name, lower case. */
void net_node_name(char *out, size_t size);

#endif
