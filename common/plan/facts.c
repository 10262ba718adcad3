/* The table of facts, from the rows of facts.def. */
#include "plan/probe/probe.h"

const struct fact facts[FACT_COUNT] = {
#define FACT(id, ...) [FACT_##id] = { __VA_ARGS__ },
#include "plan/facts.def"
};
