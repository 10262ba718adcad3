/* Lines of ours in /etc/hosts. */
#ifndef K3SBOX_HOSTS_H
#define K3SBOX_HOSTS_H

/* Adds "address name" with a mark; nothing if that very line is there. A file that is bind-mounted (as in containers) and cannot be replaced
 * is written in place. 0 or -errno. */
int hosts_add(const char *address, const char *name);

/* Removes the marked lines. 0 or -errno. */
int hosts_clean(void);

#endif
