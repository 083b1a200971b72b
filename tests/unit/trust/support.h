/* tests/unit/trust/support.h - a manifest with everything in it, and its exact text. */
#ifndef TESTS_TRUST_SUPPORT_H
#define TESTS_TRUST_SUPPORT_H

#include "rivet/manifest.h"

/* Two columns, three parts of two chunks; static storage, freshly filled. */
enum { SAMPLE_COLUMNS = 2, SAMPLE_PARTS = 3 };
typedef struct sample {
    rv_manifest manifest;
    rv_manifest_column columns[SAMPLE_COLUMNS];
    rv_part parts[SAMPLE_PARTS];
} sample;
void make_sample(sample *out);

/* What make_sample() renders to. */
extern const char sample_text[];

#endif
