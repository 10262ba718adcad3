/* Error texts of k3s and its parts, as the facts have them: one in a line, exactly as upstream's
 * sources write it, with '*' where paths and names stand. They begin and end with other letters. */
#ifndef K3SBOX_PLAN_SYMPTOM_H
#define K3SBOX_PLAN_SYMPTOM_H

#include <stdbool.h>

/* Pure. Is one of them somewhere in the text, or the text (of some letters at least) a part of
 * one? Upper and lower case are the same. symptom may be NULL. */
bool symptom_is(const char *symptom, const char *text);

#endif
