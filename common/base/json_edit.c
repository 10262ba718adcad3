/* The editor half of json.h. What was asked for is kept as it was asked; json_edit_apply() turns it
 * into ranges of text, when it is known which siblings stay, and so which of them need a comma. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/die.h"
#include "base/json.h"

static void add(struct json_edits *e, struct json_edit edit)
{
	if ((e->n & (e->n - 1)) == 0) e->v = xrealloc(e->v, (e->n ? e->n * 2 : 4) * sizeof *e->v);
	e->v[e->n++] = edit;
}

static uint32_t index_of(const struct json_edits *e, const struct json_node *n)
{
	return (uint32_t)(n - e->j->nodes);
}

void json_edit_replace(struct json_edits *e, const struct json_node *n, const char *text)
{
	add(e, (struct json_edit){ .kind = JSON_EDIT_TEXT, .from = n->start, .to = n->end,
		.text = xstrdup(text) });
}

void json_edit_remove(struct json_edits *e, const struct json_node *parent,
	const struct json_node *n)
{
	add(e, (struct json_edit){ .kind = JSON_EDIT_REMOVE, .parent = index_of(e, parent),
		.node = index_of(e, n) });
}

void json_edit_append(struct json_edits *e, const struct json_node *parent, const char *key,
	const char *text)
{
	struct buf b = {0};

	if (key) {
		buf_json(&b, key);
		buf_puts(&b, ": ");
	}
	buf_puts(&b, text);
	if (b.failed) die(EX_SYS, "out of memory");
	add(e, (struct json_edit){ .kind = JSON_EDIT_APPEND, .parent = index_of(e, parent),
		.text = b.data });
}

void json_edits_free(struct json_edits *e)
{
	for (size_t i = 0; i < e->n; i++) free(e->v[i].text);
	free(e->v);
	e->v = NULL;
	e->n = 0;
}

/* Ranges of text to replace, collected from the edits; their texts are borrowed. */
struct range {
	uint32_t from, to;
	size_t order;         /* of being asked: insertions at one place keep it */
	bool comma;           /* text is a further member: separator first */
	uint32_t parent;
	const char *text;
};

struct ranges {
	struct range *v;
	size_t n;
};

static void add_range(struct ranges *r, struct range range)
{
	range.order = r->n;
	r->v[r->n++] = range;
}

/* Where a member begins: at its key if it has one. */
static uint32_t member_start(const struct json_node *n)
{
	return n->key != n->key_end ? n->key : n->start;
}

/* Removed members go with the comma before them, those in front of the first that stays with the
 * comma after them. */
static void removals(const struct json *j, uint32_t parent, const bool *gone, struct ranges *out)
{
	bool kept = false;
	uint32_t last_end = 0;

	for (uint32_t i = j->nodes[parent].child; i; i = j->nodes[i].next) {
		const struct json_node *n = &j->nodes[i];
		uint32_t next = n->next ? member_start(&j->nodes[n->next]) : n->end;
		if (!gone[i]) kept = true;
		else if (kept) add_range(out, (struct range){ .from = last_end, .to = n->end });
		else add_range(out, (struct range){ .from = member_start(n), .to = next });
		last_end = n->end;
	}
}

/* Behind the last member as the text has it, whether that stays or not. */
static uint32_t append_place(const struct json *j, uint32_t parent, const bool *gone, bool *stays)
{
	uint32_t place = j->nodes[parent].start + 1;

	*stays = false;
	for (uint32_t i = j->nodes[parent].child; i; i = j->nodes[i].next) {
		place = j->nodes[i].end;
		if (!gone[i]) *stays = true;
	}
	return place;
}

enum { DONE = 1, GREW = 2 };   /* marks of a parent: its removals are listed; it got a new member */

static void list_ranges(const struct json_edits *e, bool *gone, unsigned char *marks,
	struct ranges *out)
{
	for (size_t i = 0; i < e->n; i++) {
		const struct json_edit *d = &e->v[i];
		if (d->kind == JSON_EDIT_TEXT) {
			add_range(out, (struct range){ .from = d->from, .to = d->to,
				.text = d->text });
		} else if (d->kind == JSON_EDIT_REMOVE && !(marks[d->parent] & DONE)) {
			marks[d->parent] |= DONE;
			removals(e->j, d->parent, gone, out);
		} else if (d->kind == JSON_EDIT_APPEND) {
			bool stays;
			uint32_t at = append_place(e->j, d->parent, gone, &stays);
			add_range(out, (struct range){ .from = at, .to = at, .parent = d->parent,
				.text = d->text,
				.comma = stays || marks[d->parent] & GREW });
			marks[d->parent] |= GREW;
		}
	}
}

static int by_place(const void *a_, const void *b_)
{
	const struct range *a = a_, *b = b_;

	if (a->from != b->from) return a->from < b->from ? -1 : 1;
	/* an insertion stands before what begins at its place, and before nothing else */
	if ((a->to == a->from) != (b->to == b->from)) return a->to == a->from ? -1 : 1;
	return a->order < b->order ? -1 : 1;
}

/* A comma, and the blanks that stand before the parent's first member, so that indented text stays
 * so. */
static void separator(const struct json *j, uint32_t parent, struct buf *out)
{
	const struct json_node *p = &j->nodes[parent];

	buf_putc(out, ',');
	if (!p->child) buf_putc(out, ' ');
	else buf_add(out, j->text + p->start + 1, member_start(&j->nodes[p->child]) - p->start - 1);
}

static int write_out(const struct json *j, const struct ranges *r, struct buf *out)
{
	uint32_t at = 0;

	for (size_t i = 0; i < r->n; i++)
		if (i && r->v[i].from < r->v[i - 1].to) return -EINVAL;
	for (size_t i = 0; i < r->n; i++) {
		buf_add(out, j->text + at, r->v[i].from - at);
		if (r->v[i].comma) separator(j, r->v[i].parent, out);
		if (r->v[i].text) buf_puts(out, r->v[i].text);
		at = r->v[i].to;
	}
	buf_add(out, j->text + at, j->len - at);
	return out->failed ? -ENOMEM : 0;
}

int json_edit_apply(struct json_edits *e, struct buf *out)
{
	size_t n = e->j->n;
	_cleanup_free_ bool *gone = xcalloc(n, sizeof *gone);
	_cleanup_free_ unsigned char *marks = xcalloc(n, 1);

	for (size_t i = 0; i < e->n; i++)
		if (e->v[i].kind == JSON_EDIT_REMOVE) gone[e->v[i].node] = true;
	_cleanup_free_ struct range *v = xcalloc(e->n, sizeof *v);
	struct ranges ranges = { .v = v };
	list_ranges(e, gone, marks, &ranges);
	qsort(v, ranges.n, sizeof *v, by_place);
	return write_out(e->j, &ranges, out);
}
