/* api DIRECTORY PORT: an API server on 127.0.0.1 that says what files say. DIRECTORY/ca.crt is its
 * authority. For each kind (the last word of the path):
 *   KIND.list    the answer to a list; without it: 404
 *   KIND.watch   what a watch sends; what is added to the file is sent as well
 *   status       a number: every request is answered with this status
 *   cut          the connections of watches end
 * Each request appends its path to DIRECTORY/asked. */
#include <arpa/inet.h>
#include <bearssl.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/io.h"
#include "tests/unit/net/tls_certs.h"

enum { FILE_MAX = 64 << 20, LOOK_US = 10000 };

static br_sslio_context io;
static int connection;

static int low_read(void *arg, unsigned char *p, size_t n)
{
	(void)arg;
	ssize_t k = read(connection, p, n);
	return k > 0 ? (int)k : -1;
}

static int low_write(void *arg, const unsigned char *p, size_t n)
{
	(void)arg;
	ssize_t k = write(connection, p, n);
	return k > 0 ? (int)k : -1;
}

static void start_tls(void)
{
	static br_ssl_server_context sc;
	static unsigned char buffer[BR_SSL_BUFSIZE_BIDI];
	static br_skey_decoder_context sk;
	static struct buf cert, key;
	static br_x509_certificate chain;

	cert = tls_certs_der(pem_server_crt);
	key = tls_certs_der(pem_server_key);
	chain = (br_x509_certificate){ (unsigned char *)cert.data, cert.len };
	br_skey_decoder_init(&sk);
	br_skey_decoder_push(&sk, key.data, key.len);
	br_ssl_server_init_full_ec(&sc, &chain, 1, BR_KEYTYPE_EC, br_skey_decoder_get_ec(&sk));
	br_ssl_engine_set_buffer(&sc.eng, buffer, sizeof buffer, 1);
	br_ssl_server_reset(&sc);
	br_sslio_init(&io, &sc.eng, low_read, NULL, low_write, NULL);
}

static void put(const void *p, size_t n)
{
	if (br_sslio_write_all(&io, p, n) < 0 || br_sslio_flush(&io) < 0) _exit(1);
}

static void puts_all(const char *s)
{
	put(s, strlen(s));
}

/* The path of the next request, without the rest of it. */
static void read_request(char path[1024])
{
	char line[1024];
	size_t n = 0, lines = 0;
	char c;

	for (;;) {
		if (br_sslio_read(&io, &c, 1) != 1) _exit(0);
		if (c == '\r') continue;
		if (c != '\n') {
			if (n < sizeof line - 1) line[n++] = c;
			continue;
		}
		line[n] = 0;
		if (!lines++) sscanf(line, "%*s %1023s", path);
		if (!n) return;
		n = 0;
	}
}

static void answer(int status, const struct buf *body)
{
	char head[128];

	snprintf(head, sizeof head, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n\r\n", status, body->len);
	puts_all(head);
	if (body->len) put(body->data, body->len);
}

/* What follows in the file, for ever, as chunks. */
static void watch(const char *file)
{
	char data[16384], head[32];

	puts_all("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
	for (int fd = -1; access("cut", F_OK) < 0; usleep(LOOK_US)) {
		if (fd < 0) fd = open(file, O_RDONLY | O_CLOEXEC);
		for (ssize_t n; fd >= 0 && (n = read(fd, data, sizeof data)) > 0;) {
			snprintf(head, sizeof head, "%zx\r\n", (size_t)n);
			puts_all(head);
			put(data, (size_t)n);
			puts_all("\r\n");
		}
	}
	_exit(0);
}

static void serve(void)
{
	char path[1024], name[64], file[80];

	for (start_tls();;) {
		struct buf body = {0}, status = {0};
		read_request(path);
		int log = open("asked", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
		dprintf(log, "%s\n", path);
		close(log);
		const char *slash = strrchr(path, '/');
		snprintf(name, sizeof name, "%.*s", (int)strcspn(slash + 1, "?"), slash + 1);
		int code = io_read("status", &status, 16) < 0 ? 200 : atoi(status.data);
		snprintf(file, sizeof file, "%s.watch", name);
		if (code == 200 && strstr(path, "watch=1")) watch(file);
		snprintf(file, sizeof file, "%s.list", name);
		if (code == 200 && io_read(file, &body, FILE_MAX) < 0) code = 404;
		answer(code, &body);
		buf_free(&body);
		buf_free(&status);
	}
}

int main(int argc, char **argv)
{
	if (argc != 3 || chdir(argv[1]) < 0) return 100;
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[2])),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int on = 1, s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	signal(SIGCHLD, SIG_IGN);
	int ca = open("ca.crt", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	io_write_fd(ca, pem_server_ca_crt, strlen(pem_server_ca_crt));
	close(ca);
	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(s, (struct sockaddr *)&a, sizeof a) < 0 || listen(s, 16) < 0) return 111;
	puts("ready");
	fflush(stdout);
	for (;;) {
		connection = accept4(s, NULL, NULL, SOCK_CLOEXEC);
		if (connection >= 0 && !fork()) {
			close(s);
			serve();
		}
		if (connection >= 0) close(connection);
	}
}
