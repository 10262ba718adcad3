/* Checksums as sha256sum(1) writes them. */
#include "fetch/place.h"

#include "fetch/download.h"
#include "unit.h"

#define A "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define B "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855"
#define B_LOWER "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static const char *find(const char *text, const char *name)
{
	static char sum[SHA256_HEX];
	return place_find_sum(text, strlen(text), name, sum) ? sum : "";
}

TEST(lists)
{
	static const char list[] = A "  k3s-airgap-images-amd64.tar.zst\n" B "  k3s\n" A "  k3s-arm64";

	CHECK_STR(find(list, "k3s"), B_LOWER);
	CHECK_STR(find(list, "k3s-arm64"), A);
	CHECK_STR(find(list, "3s"), "");
	CHECK_STR(find(list, "k3s-armhf"), "");
	CHECK_STR(find(A " *k3s\n", "k3s"), A);
	CHECK_STR(find("", "k3s"), "");
	CHECK_STR(find("<html>\n" A "k3s\n", "k3s"), "");
	CHECK_STR(find("x" A " k3s\n", "k3s"), "");
}

TEST(sums)
{
	char sum[SHA256_HEX];

	CHECK(place_read_sum(A, 64, sum) && !strcmp(sum, A));
	CHECK(!place_read_sum(A, 63, sum) && !place_read_sum(A "0", 65, sum) && !place_read_sum("", 0, sum));
	CHECK(!place_read_sum("g" A, 64, sum));
}

TEST(versions)
{
	CHECK_STR(download_version("https://github.com/k3s-io/k3s/releases/tag/v1.36.3+k3s1"), "v1.36.3+k3s1");
	CHECK(!download_version("https://h/v1-release/channels/stable") && !download_version("v1") && !download_version(NULL));
}

UNIT_MAIN("place")
