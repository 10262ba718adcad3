/* world/ports.c: the file of an attachment's ports */
#include "world/ports.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "unit.h"

static const char text[] = "tcp 0.0.0.0:8080=10.42.0.5:80\nudp [::]:53=[fd42::5]:5353\n";

TEST(what_is_written_is_read)
{
	struct port v[3];
	struct buf b = {0};

	CHECK(ports_parse(text, sizeof text - 1, v, 3) == 2);
	CHECK(!v[0].udp && v[1].udp && v[0].host.port == 8080 && v[1].pod.port == 5353);
	ports_format(v, 2, &b);
	CHECK_STR(b.data, text);
	buf_free(&b);
}

TEST(what_is_no_such_file)
{
	static const char *const bad[] = { "tcp", "tcp ", "tcp 1.2.3.4:5", "sctp 1.2.3.4:5=1.2.3.4:5",
		"tcp 1.2.3.4:5=", "tcp =1.2.3.4:5", "\n", "TCP 1.2.3.4:5=1.2.3.4:5" };
	struct port v[2];

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		CHECK(ports_parse(bad[i], strlen(bad[i]), v, 2) == -EBADMSG);
	CHECK(ports_parse("", 0, v, 2) == 0);
	CHECK(ports_parse(text, sizeof text - 1, v, 1) == -EBADMSG);
}

TEST(names)
{
	CHECK(ports_is_name("veth0123abc", 11) && !ports_is_name(".netd", 5));
	CHECK(!ports_is_name("../x", 4) && !ports_is_name("", 0) && !ports_is_name("a.B1", 4));
	CHECK(!ports_is_name("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 39));
}

UNIT_MAIN("ports")
