/* mysql/probe.h - single rows by descents of an index: what ends.c and split.c ask. */
#ifndef SOURCE_MYSQL_PROBE_H
#define SOURCE_MYSQL_PROBE_H

#include "where.h"

/* Run a SELECT of an operand's n first values, as rvi_my_append_cell() writes them; *out: those of its last row, in the
 * arena; n 0: there was none. Fails as any statement does. */
rv_code rvi_my_probe(rvi_my *my, rvi_my_query *query, const rvi_my_operand *operand, int n, rv_arena *arena,
                     rv_key_value *out, rv_error *err) RV_MUST_CHECK;
/* `rc` of a statement that is no page of its own: it can be neither made smaller nor asked again as it was. */
rv_code rvi_my_probe_failed(rv_code rc, rv_error *err);

#endif
