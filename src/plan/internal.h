/* plan/internal.h - shared inside plan/ only. */
#ifndef PLAN_INTERNAL_H
#define PLAN_INTERNAL_H

#include "rivet/bytes.h"
#include "rivet/plan.h"

/* How many chunks a relation of est_bytes (-1: unknown) becomes, at least 1, at most RV_MAX_CHUNKS. */
int64_t rvi_chunk_count(int64_t est_bytes, const rv_format_config *format);

/* Texts for a YAML file, appended to `out`. The loader reads back exactly what was given. */
rv_code rvi_yaml_quoted(rv_bytes *out, const char *text,
                        rv_error *err) RV_MUST_CHECK; /* VALUE_ENCODING: no UTF-8 */
rv_code rvi_yaml_scalar(rv_bytes *out, const char *text,
                        rv_error *err) RV_MUST_CHECK; /* quoted only where it must be */
bool rvi_yaml_is_plain(const char *text); /* a word of letters, digits and _ that YAML takes for a text */
/* For a comment: what cannot stand in one becomes '?'. */
rv_code rvi_yaml_comment(rv_bytes *out, const char *text, rv_error *err) RV_MUST_CHECK;

#endif
