/* Own namespaces on request, tried for real: which of them a root gets that may do everything. */
#include "plan/isolate.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "plan/plan.h"
#include "unit.h"

/* A trial writes below /run. */
__attribute__((constructor)) static void hide_run(void)
{
	if (!unshare(CLONE_NEWNS) && !mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL) &&
	    !mount("tmpfs", "/run", "tmpfs", 0, NULL))
		return;
	printf("SKIP unit isolate: all: no /run of its own: %s\n", strerror(errno));
	fflush(stdout);
	_exit(0);
}

TEST(a_root_that_may_make_namespaces_gets_no_user_namespace)
{
	struct plan_options o = { .data_dir = "/x", .namespaces = ISOLATE_YES };
	struct isolation_result r;

	CHECK(!isolate_decide(&o, &r));
	CHECK(r.wanted && !r.user);
}

TEST(namespaces_no_means_none)
{
	struct plan_options o = { .data_dir = "/x", .namespaces = ISOLATE_NO };
	struct isolation_result r;

	CHECK(!isolate_decide(&o, &r) && !r.wanted);
}

UNIT_MAIN("isolate")
