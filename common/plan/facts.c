/* The table of facts, from the rows of facts.def. */
#include "plan/probe/probe.h"

const struct fact facts[FACT_COUNT] = {
#define FACT(id, fn, text, how_bad, sentence, ...) [FACT_##id] = { \
	.probe = fn, .name = text, .severity = how_bad, .title = sentence, __VA_ARGS__ },
#include "plan/facts.def"
};
