/* Finds error texts. */
#include "plan/symptom.h"

#include <ctype.h>
#include <string.h>

enum { SHORTEST = 4 };

/* Does the symptom stand at t? whole: all of it; else what there is of the text, at least. */
static bool fits(const char *p, const char *t, bool whole)
{
	for (; *p && *p != '\n'; p++, t++) {
		if (*p == '*') {
			for (; *t && *t != '\n'; t++)
				if (fits(p + 1, t, whole)) return true;
			return false;
		}
		if (!*t) return !whole;
		if (tolower((unsigned char)*p) != tolower((unsigned char)*t)) return false;
	}
	return whole || !*t;
}

bool symptom_is(const char *symptom, const char *text)
{
	if (!symptom || strlen(text) < SHORTEST) return false;
	for (const char *p = symptom; *p; p++) {
		bool first = p == symptom || p[-1] == '\n';
		for (const char *t = text; first && *t; t++)
			if (fits(p, t, true)) return true;
		if (*p != '*' && fits(p, text, false)) return true;
	}
	return false;
}
