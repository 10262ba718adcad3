/* The journal's format, and nothing of what its entries mean. */
#include "plan/journal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/die.h"

enum { JOURNAL_MAX = 1 << 20 };

/* The next line of *text without its end, and its key's row; NULL after the last. A line without
 * an end was cut while it was written, and its step was not taken. */
static const char *next_line(const char **text, size_t *len, const struct step_row **row)
{
	const char *line = *text, *end = line ? strchr(line, '\n') : NULL;
	char key[64];

	if (!end) return NULL;
	*text = end + 1;
	*len = (size_t)(end - line);
	size_t n = strcspn(line, "\t\n");
	*row = NULL;
	if (n >= sizeof key) return line;
	memcpy(key, line, n);
	key[n] = 0;
	*row = step_find(key);
	return line;
}

void journal_parse(struct journal *j, const char *text)
{
	const struct step_row *row;
	const char *line;
	size_t len;

	*j = (struct journal){0};
	while ((line = next_line(&text, &len, &row))) {
		if (!row) {
			j->unknown += len > 0;
			continue;
		}
		size_t key = strlen(row->key), tab = key < len;
		char *seen = xcalloc(len - key - tab + 1, 1);
		memcpy(seen, line + key + tab, len - key - tab);
		j->v = xrealloc(j->v, (j->n + 1) * sizeof *j->v);
		j->v[j->n++] = (struct journal_entry){ row, seen };
	}
}

int journal_load(struct journal *j)
{
	_cleanup_buf_ struct buf b = {0};
	int r = io_read(JOURNAL_FILE, &b, JOURNAL_MAX);

	journal_parse(j, r < 0 ? NULL : b.data);
	return r == -ENOENT ? 0 : r;
}

void journal_free(struct journal *j)
{
	for (size_t i = 0; i < j->n; i++) free(j->v[i].seen);
	free(j->v);
	*j = (struct journal){0};
}

const struct journal_entry *journal_find(const struct journal *j, const struct step_row *row)
{
	for (size_t i = 0; i < j->n; i++)
		if (j->v[i].row == row) return &j->v[i];
	return NULL;
}

int journal_add(const struct step_row *row, const char *seen)
{
	_cleanup_journal_ struct journal j = {0};
	_cleanup_buf_ struct buf b = {0};
	int r = io_read(JOURNAL_FILE, &b, JOURNAL_MAX);

	if (r < 0 && r != -ENOENT) return r;
	journal_parse(&j, b.data);
	if (journal_find(&j, row)) return 0;
	while (b.len && b.data[b.len - 1] != '\n') b.len--;
	buf_printf(&b, "%s\t", row->key);
	for (; *seen; seen++) buf_putc(&b, *seen == '\n' ? ' ' : *seen);
	buf_putc(&b, '\n');
	return b.failed ? -ENOMEM : io_replace(JOURNAL_FILE, 0600, b.data, b.len);
}

int journal_drop(bool (*gone)(const void *arg, const struct step_row *row), const void *arg)
{
	_cleanup_buf_ struct buf b = {0}, kept = {0};
	const struct step_row *row;
	const char *line;
	size_t len;
	int r = io_read(JOURNAL_FILE, &b, JOURNAL_MAX);

	if (r < 0) return r == -ENOENT ? 0 : r;
	for (const char *text = b.data; (line = next_line(&text, &len, &row));)
		if (!row || !gone(arg, row)) buf_add(&kept, line, len + 1);
	if (kept.len == b.len) return 0;
	return kept.failed ? -ENOMEM
		: io_replace(JOURNAL_FILE, 0600, kept.data ? kept.data : "", kept.len);
}
