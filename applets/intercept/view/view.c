/* The state of what the program sees. */
#include "intercept/view/view.h"

void view_init(struct view *v)
{
	v->cache.mount_events = -1;
}

void view_free(struct view *v)
{
	special_free(&v->specials);
	store_free(&v->store);
}

void view_fuse_mounted(struct view *v)
{
	v->cache.fuse_mounted = true;
	for (size_t i = 0; i < SERVED_ROOTS; i++) v->cache.served[i].root = 0;
}
