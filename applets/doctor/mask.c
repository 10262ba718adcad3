/* Removes secrets from text. */
#include "doctor/mask.h"

#include <string.h>
#include <strings.h>

static const char hidden[] = "***";

static const char *const names[] = { "token", "secret", "passw", "credential", "-key", "_key",
	"joinkey", "vpn-auth", "bearer", "basic" };
/* The last ones stand before a blank and the secret. */
enum { NAMES = sizeof names / sizeof *names, SCHEMES = 2 };

/* How base64 and k3s's tokens begin: a JSON object, PEM, a token. */
static const char *const starts[] = { "eyJ", "LS0t", "K10" };

static bool is_word(char c)
{
	return c && strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.", c);
}

static const char blanks[] = " \t\r\n\"'\\", separators[] = "\"'\\ =:";

bool mask_is_secret(const char *name)
{
	for (size_t i = 0; i < NAMES - SCHEMES; i++)
		if (strcasestr(name, names[i])) return true;
	return !strncmp(name, "-t", 2);
}

/* Where the secret begins whose name stands at s, or NULL. word: where the word begins. */
static const char *value_after(const char *s, const char *word)
{
	size_t i = 0;

	while (i < NAMES && strncasecmp(s, names[i], strlen(names[i]))) i++;
	if (i == NAMES) return NULL;
	while (is_word(*s)) s++;
	size_t n = strspn(s, separators);
	bool blank = i >= NAMES - SCHEMES || *word == '-';
	if (!memchr(s, '=', n) && !memchr(s, ':', n) && !(blank && *s == ' ')) return NULL;
	return s + n;
}

/* The end of a secret that begins at s without a name, or NULL. */
static const char *secret_at(const char *s, const char *word)
{
	const char *end = NULL;
	static const char last[] = "-----END";

	if (!strncmp(s, "-----BEGIN", 10)) {
		end = strstr(s, last);
		return end ? end + strcspn(end, "\n") : s + strlen(s);
	}
	for (size_t i = 0; s == word && i < sizeof starts / sizeof *starts; i++)
		if (!strncmp(s, starts[i], strlen(starts[i]))) end = s + strcspn(s, blanks);
	return end && end - s > 16 ? end : NULL;
}

/* The end of the credentials in a URL at s, or NULL. */
static const char *credentials_at(const char *s)
{
	const char *end = NULL;

	for (size_t n = strcspn(s, blanks); n; n--)
		if (s[n - 1] == '@' && !end) end = s + n - 1;
	return end;
}

void mask_text(const char *text, struct buf *out)
{
	const char *word = text;

	for (const char *s = text; *s;) {
		if (s > text && !is_word(s[-1])) word = s;
		const char *from = value_after(s, word);
		const char *to = from ? from + strcspn(from, blanks) : secret_at(s, word);
		if (!from) from = s;
		if (!to && !strncmp(s, "://", 3)) to = credentials_at(from = s + 3);
		if (!to || to == from) {
			buf_putc(out, *s++);
			continue;
		}
		buf_add(out, s, (size_t)(from - s));
		buf_puts(out, hidden);
		s = to;
	}
}

void mask_words(char *const *words, struct buf *out)
{
	for (bool next = false; *words; words++) {
		const char *w = *words, *value = strchr(w, '=');
		bool secret = *w == '-' && mask_is_secret(w);
		if (next || (secret && value))
			buf_printf(out, "%.*s%s ", next ? 0 : (int)(value + 1 - w), w, hidden);
		else
			mask_text(w, out), buf_putc(out, ' ');
		next = !next && secret && !value;
	}
}
