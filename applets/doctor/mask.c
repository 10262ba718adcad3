/* Removes secrets from text. */
#include "doctor/mask.h"

#include <string.h>
#include <strings.h>

static const char hidden[] = "***";

/* The first one only as a whole word. The last ones stand before a blank and the secret. */
static const char *const names[] = { "auth", "token", "secret", "passw", "passphrase",
	"credential", "-key", "_key", "apikey", "accesskey", "privatekey", "authkey", "joinkey",
	"vpn-auth", "sig=", "digest", "negotiate", "bearer", "basic" };
enum { NAMES = sizeof names / sizeof *names, SCHEMES = 4 };

/* How base64 and k3s's tokens begin: a JSON object, PEM, a token. */
static const char *const starts[] = { "eyJ", "LS0t", "K10" };

static const char blanks[] = " \t\r\n", ends[] = " \t\r\n\"'\\", base64[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZ" "abcdefghijklmnopqrstuvwxyz0123456789+/=";

static bool is_word(char c)
{
	return c && (strchr("_-.", c) || (c != '+' && c != '/' && c != '=' && strchr(base64, c)));
}

bool mask_is_secret(const char *name)
{
	for (size_t i = 1; i < NAMES - SCHEMES; i++)
		if (strcasestr(name, names[i])) return true;
	return !strncmp(name, "-t", 2);
}

/* Where the secret begins whose name stands at s, or NULL. word: where the word begins. */
static const char *value_after(const char *s, const char *word)
{
	size_t i = 0;

	while (i < NAMES && strncasecmp(s, names[i], strlen(names[i]))) i++;
	if (i == NAMES || (!i && (s != word || is_word(s[4])))) return NULL;
	while (is_word(*s)) s++;
	size_t n = strspn(s, *word == '-' ? "\"'\\ \t=:," : "\"'\\ \t=:");
	if (memchr(s, '=', n) || memchr(s, ':', n)) return s + n;
	bool blank = i >= NAMES - SCHEMES || *word == '-';
	return blank && n && s[n] != '-' ? s + n : NULL;
}

/* The end of what a quote opened before s; quotes in quotes have a backslash. */
static const char *end_of_quoted(const char *s)
{
	char quote = s[-1];
	bool inner = s[-2] == '\\';

	for (; *s && *s != '\n'; s++) {
		if (*s == quote) return s;
		if (*s == '\\' && s[1] == quote && inner) return s;
		if (*s == '\\' && s[1]) s++;
	}
	return s;
}

/* The end of the value at s, which has a name before it. */
static const char *end_of_value(const char *s)
{
	if (s[-1] == '"' || s[-1] == '\'') return end_of_quoted(s);
	if (*s == '[') return s + strcspn(s, "]\n");
	size_t n = strcspn(s, " \t\r\n\"'");
	for (size_t i = NAMES - SCHEMES; i < NAMES; i++)
		if (s[n] == ' ' && n == strlen(names[i]) && !strncasecmp(s, names[i], n))
			return end_of_value(s + n + 1);
	return s + n;
}

/* A line of PEM, whose beginning may be missing. */
static bool is_base64(const char *s)
{
	enum { LINE = 60 };
	size_t n = strspn(s, base64);

	return n >= LINE && strchr(ends, s[n]) && strcspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") < n;
}

/* The end of a secret that begins at s without a name, or NULL. first: nothing stands before it. */
static const char *secret_at(const char *s, const char *word, bool first)
{
	const char *end = NULL;
	static const char last[] = "-----END";

	if (!strncmp(s, "-----BEGIN", 10)) {
		end = strstr(s, last);
		return end ? end + strcspn(end, "\n") : s + strlen(s);
	}
	if (first && is_base64(s)) return s + strspn(s, base64);
	for (size_t i = 0; s == word && i < sizeof starts / sizeof *starts; i++)
		if (!strncmp(s, starts[i], strlen(starts[i]))) end = s + strcspn(s, ends);
	return end && end - s > 16 ? end : NULL;
}

/* The end of the credentials in a URL at s, or NULL. */
static const char *credentials_at(const char *s)
{
	size_t n = strcspn(s, blanks);

	while (n && s[n] != '@') n--;
	return s[n] == '@' ? s + n : NULL;
}

void mask_text(const char *text, struct buf *out)
{
	const char *word = text;

	for (const char *s = text; *s;) {
		if (s > text && !is_word(s[-1])) word = s;
		const char *from = value_after(s, word);
		bool first = s == text || strchr(blanks, s[-1]);
		const char *to = from ? end_of_value(from) : secret_at(s, word, first);
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
		next = secret && !value;
	}
}
