/* Names, places and headers of images. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/io.h"
#include "image/image.h"
#include "image/sha256.h"
#include "unit.h"

TEST(tags)
{
	static const struct { const char *in, *out; } good[] = {
		{ "busybox", "docker.io/library/busybox:latest" }, { "busybox:test",
		  "docker.io/library/busybox:test" },
		{ "rancher/mirrored-pause:3.6", "docker.io/rancher/mirrored-pause:3.6" },
		{ "docker.io/x",
		  "docker.io/library/x:latest" },
		{ "index.docker.io/a/b:1", "docker.io/a/b:1" },
		{ "localhost/x", "localhost/x:latest" },
		{ "localhost:5000/x:y", "localhost:5000/x:y" },
		{ "registry.example/a/b__c/d-e.f:V_1",
		  "registry.example/a/b__c/d-e.f:V_1" },
		{ "localhost:5000", "docker.io/library/localhost:5000" },
		{ "Host/x", "Host/x:latest" },
	};
	static const char *const bad[] = {
		"", ":", "x:", "/x", "x/", "a//b", "Busybox", "a..b", "a___b", "-a", "a-", "x:-1",
		"x@sha256:00", "a b", "x:y/z:", "a:b:c",
		"reg.example:port/x", ".reg/x",
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "\xc3\xa4",
	};

	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		_cleanup_buf_ struct buf out = {0};
		struct err e = {0};
		CHECK(!image_tag(good[i].in, &out, &e));
		CHECK_STR(out.data, good[i].out);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		_cleanup_buf_ struct buf out = {0};
		struct err e = {0};
		if (image_tag(bad[i], &out, &e) == 0) fprintf(stderr, "taken: %s\n", bad[i]);
		CHECK(image_tag(bad[i], &out, &e) == -EINVAL);
		CHECK(*e.text);
	}
}

/* Adds one link, which needs no file here, and says how it is called in the image. */
static const char *place(const char *path)
{
	static char out[600];
	struct err e = {0};
	_cleanup_image_ struct image im = {0};

	if (image_add_link(&im, path, "t", &e) < 0) snprintf(out, sizeof out, "! %s", e.text);
	else snprintf(out, sizeof out, "%s", im.items[0].path);
	return out;
}

TEST(places)
{
	char longest[300];

	CHECK_STR(place("/usr//bin/./x"), "usr/bin/x");
	CHECK_STR(place("x/"), "x");
	CHECK(strstr(place("/a/../b"), "! "));
	CHECK(strstr(place("/.."), "! "));
	CHECK(strstr(place("///"), "! "));
	CHECK(strstr(place("/a/.wh.b"), "! "));
	CHECK_STR(place("/..a/b..c"), "..a/b..c");
	memset(longest, 'a', sizeof longest);
	longest[155] = '/';
	longest[256] = 0;
	CHECK_STR(place(longest), longest);
	longest[256] = 'a';
	longest[257] = 0;
	CHECK(strstr(place(longest), "too long"));
}

TEST(clashes)
{
	static const struct { const char *a, *b; bool ok; } pairs[] = {
		{ "/a", "/b", true }, { "/a", "/a", false }, { "/a", "a/", false }, { "/a", "/a/b",
		  false }, { "/a/b", "/a", false },
		{ "/a/b", "/a/c", true }, { "/a-b", "/a/c", true },
	};

	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		struct err e = {0};
		_cleanup_image_ struct image im = { .arch = "amd64" };
		CHECK(!image_add_link(&im, pairs[i].a, "x", &e) &&
			!image_add_link(&im, pairs[i].b, "x",
			&e));
		CHECK(!image_settle(&im, &e) == pairs[i].ok);
		CHECK(pairs[i].ok || *e.text);
		CHECK(!pairs[i].ok || image_find(&im, pairs[i].a));
	}
}

TEST(headers)
{
	char h[TAR_BLOCK];
	unsigned sum = 0;

	CHECK(!tar_header(&(struct tar_entry){ .path = "a/b", .type = TAR_FILE, .mode = 0755,
		.size = 513 }, h));
	CHECK(!strcmp(h, "a/b"));
	CHECK(!strcmp(h + 100, "0000755"));
	CHECK(!strcmp(h + 124, "00000001001"));
	CHECK(!memcmp(h + 257, "ustar\0" "00", 8));
	for (int i = 0; i < TAR_BLOCK; i++) sum += i >= 148 && i < 156 ? ' ' : (unsigned char)h[i];
	CHECK(strtoul(h + 148, NULL, 8) == sum);
	CHECK(tar_padding(0) == 0 && tar_padding(512) == 0 && tar_padding(513) == 511);
	CHECK(!tar_header(&(struct tar_entry){ .path = "x", .type = TAR_FILE,
		.size = (1ULL << 33) - 1 }, h));
	CHECK(tar_header(&(struct tar_entry){ .path = "x", .type = TAR_FILE, .size = 1ULL << 33 },
		h) == -EFBIG);
	CHECK(tar_header(&(struct tar_entry){ .path = "x", .type = TAR_SYMLINK, .target = "" },
		h) == -ENAMETOOLONG);
}

static struct image_program look(const void *data, size_t n)
{
	_cleanup_close_ int fd = memfd_create("program", MFD_CLOEXEC);
	struct image_program p = { .interp = "?" };

	if (fd >= 0 && !io_write_fd(fd, data, n)) image_look(fd, &p);
	return p;
}

TEST(programs)
{
	_cleanup_buf_ struct buf self = {0};
	static const char script[] = "#! /bin/sh -e\nx";

	CHECK(!io_read("/proc/self/exe", &self, 64 << 20));
	struct image_program p = look(self.data, self.len);
	CHECK(p.arch && strchr(p.interp, '/'));   /* this test is a dynamic program */
	/* cut off after the header: no crash, no interpreter */
	CHECK(!*look(self.data, 64).interp);
	for (size_t cut = 0; cut < 1200; cut += 7) look(self.data, cut);
	memset(self.data + 32, 0xff, 8);          /* program headers at the end of the world */
	CHECK(!*look(self.data, self.len).interp);
	CHECK_STR(look(script, sizeof script - 1).interp, "/bin/sh");
	CHECK_STR(look("#!", 2).interp, "");
	CHECK(!look("", 0).arch);
}

TEST(sha256_known_answer)
{
	struct sha256 s;
	char hex[SHA256_HEX];

	sha256_init(&s);
	sha256_add(&s, "a", 1);
	sha256_add(&s, "bc", 2);
	sha256_hex(&s, hex);   /* FIPS 180-2, B.1 */
	CHECK_STR(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

UNIT_MAIN("image")
