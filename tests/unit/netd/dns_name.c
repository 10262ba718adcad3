#include "netd/dns_name.h"

#include <string.h>

#include "unit.h"

static bool parses(const char *text, size_t bytes)
{
	struct dns_name n;
	return dns_name_parse(&n, text, strlen(text)) && n.n == bytes && !n.b[bytes - 1];
}

TEST(names_come_from_text)
{
	struct dns_name n;
	char label[65] = {0}, text[400] = {0};

	CHECK(parses("", 1) && parses(".", 1) && parses("a", 3) && parses("a.", 3));
	CHECK(parses("www.k8.io", 11));
	CHECK(!parses("..", 0) && !parses(".a", 0) && !parses("a..b", 0) && !parses("a..", 0));
	memset(label, 'x', 63);
	CHECK(parses(label, 65));
	label[63] = 'x';
	CHECK(!parses(label, 0));
	for (int i = 0; i < 127; i++) strcat(text, "a.");
	CHECK(parses(text, 255));
	CHECK(!dns_name_make(&n, "%sa", text));
	CHECK(dns_name_make(&n, "%s.%s", "a", "b.c") && n.n == 7);
	CHECK(!dns_name_make(&n, "%300s", "a") && !n.n);
}

TEST(names_are_below_zones)
{
	struct dns_name zone, n, root;

	dns_name_make(&zone, "cluster.local");
	dns_name_make(&root, ".");
	dns_name_make(&n, "CLUSTER.Local");
	CHECK(!dns_name_below(&n, &zone) && !dns_name_below(&zone, &n));
	dns_name_make(&n, "Svc.Cluster.LOCAL");
	CHECK(dns_name_below(&n, &zone) == 4 && dns_name_below(&zone, &n) == -1);
	dns_name_make(&n, "xcluster.local");
	CHECK(dns_name_below(&n, &zone) == -1 && dns_name_below(&n, &root) == n.n - 1);
	/* A label that looks like the end of a name. */
	n = (struct dns_name){ 17, "\017x\7cluster\5local" };
	CHECK(dns_name_below(&n, &zone) == -1);
	CHECK(dns_name_below(&root, &zone) == -1 && !dns_name_below(&root, &root));
}

TEST(labels_are_lower_case)
{
	struct dns_labels l;
	struct dns_name n;

	dns_name_make(&n, "A-1.B[.c");
	dns_name_split(&n, &l);
	CHECK(l.n == 3 && dns_label_is(&l.v[0], "a-1") && dns_label_is(&l.v[1], "b["));
	CHECK(!dns_label_is(&l.v[0], "a-") && !dns_label_is(&l.v[0], "a-11"));
	dns_name_make(&n, ".");
	dns_name_split(&n, &l);
	CHECK(!l.n);
}

UNIT_MAIN("dns_name")
