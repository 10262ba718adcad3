/* Options: one row gives the parser, the struct field and the help line. The value of an option
 * with a row OPT_BARE behind it may be left out ("--wait"); the next word is its value only if it
 * is one of its choices. */
#ifndef K3SBOX_OPT_H
#define K3SBOX_OPT_H

#include <stddef.h>
#include <stdbool.h>

struct buf;
struct err;

enum opt_type {
	OPT_END,      /* last row */
	OPT_FLAG,     /* bool field: set to true; no value */
	OPT_STR,      /* const char * field: the last value given */
	OPT_PATH,     /* the same, but not empty: a file or directory */
	OPT_LIST,     /* struct strv field (buf.h): every value in order */
	OPT_UINT,     /* unsigned field: decimal */
	OPT_SECONDS,  /* unsigned field: "90", "90s", "2m", "1h" as seconds */
	OPT_CHOICE,   /* int field: index into .choices */
	OPT_BARE,     /* no option: .value is what the bare long option before it stands for */
};

struct opt {
	enum opt_type type;
	char letter;               /* short form, 0: none */
	const char *name;          /* long form without "--" */
	size_t field;              /* offsetof in the applet's option struct */
	union {
		const char *value; /* how help calls the value: "DIR" */
		/* OPT_CHOICE: NULL-terminated; help shows them joined by | */
		const char *const *choices;
	};
	const char *help;          /* one sentence; '\n' goes on in the next line */
};

/* Parses argv[1..] into cfg. Options and operands may mix, unless in_order: then options end at the
 * first operand. Returns the number of operands, which are moved to argv[1..n]; argv[n+1] is NULL.
 * Words after "--" are operands too; if rest is not NULL they are kept apart instead, and *rest is
 * the index in argv of the first (of a NULL if there is none).
 * Returns OPT_HELP at --help or -h, unless a row has that name or letter; with the detail in e
 * -ENOENT for an option that is unknown and resembles none, -EINVAL on other misuse. Strings point
 * into argv. */
enum { OPT_HELP = -10000 };   /* below every -errno */
int opt_parse(const struct opt *rows, void *cfg, int argc, char **argv, bool in_order, int *rest,
	struct err *e);

/* Choices of an option "output", for applets that print for people and for programs. */
enum output_format { OUTPUT_TEXT, OUTPUT_JSON };
extern const char *const output_formats[];   /* by enum output_format, NULL-terminated */

/* The help lines of the rows. */
void opt_help(const struct opt *rows, struct buf *out);

#endif
