/* probe.c - see probe.h.
 *
 * The row comes by the same way as the rows of a scan, so that its values are written down as those of a scan are. */
#include "probe.h"

enum { PROBE_ARENA_BYTES = 1 << 20 };

/* All of it lives for one statement. */
typedef struct probe {
    rvi_my *my;
    const rvi_my_operand *operand;
    int n;
    rvi_my_rows rows;
    rvi_sql_last_key last;
} probe;

static rv_code describe(probe *p, const rvi_my_statement *statement, rv_error *err)
{
    int n = 0;
    const MYSQL_FIELD *fields = rvi_my_statement_fields(statement, &n);
    if (n != p->n)
        return rv_fail(err, RV_E_SOURCE_PROTOCOL, "the server describes %d columns instead of %d", n, p->n);
    for (int i = 0; i < n; i++) {
        rvi_my_type type;
        rvi_my_result_type(&fields[i], &type);
        p->rows.wires[i] = type.wire;
        p->last.cell[i] = i;
    }
    p->rows.base.n_cells = n;
    p->last.n = n;
    p->rows.base.last_key = &p->last;
    return RV_OK;
}

static rv_code read_texts(probe *p, rv_arena *arena, rv_key_value *out, rv_error *err)
{
    rv_key_value value = {.n = p->n};
    for (int i = 0; i < p->n; i++) {
        RV_AUTO(rv_bytes_deinit) rv_bytes text = RV_BYTES_INIT(RVI_MY_SQL_BYTES);
        RV_TRY(rvi_my_key_text(&p->operand->types[i], p->rows.wires[i], &p->last.bytes[i], &text, err));
        value.cells[i] = rv_arena_strndup(arena, (const char *)text.data, text.len);
        if (value.cells[i] == NULL)
            return rv_fail(err, RV_E_OUT_OF_MEMORY, "a value of a key");
    }
    *out = value;
    return RV_OK;
}

static rv_code run(probe *p, rvi_my_query *query, rv_arena *arena, rv_key_value *out, rv_error *err)
{
    static const rv_schema nothing = {.origin = "a key"};
    RV_AUTO(rv_arena_free) rv_arena *scratch = NULL;
    RV_AUTO(rv_batch_free) rv_batch *batch = NULL;
    RV_AUTO(rvi_my_statement_close) rvi_my_statement *statement = NULL;
    const char *sql = NULL;
    rv_page page = {0};
    bool end = false;
    RV_TRY(rv_arena_new(&scratch, PROBE_ARENA_BYTES, err));
    RV_TRY(rv_batch_new(&batch, &nothing, NULL, err));
    RV_TRY(rvi_my_rows_init(&p->rows, scratch, &nothing, NULL, 0, err));
    RV_TRY(rvi_my_query_finish(query, &sql, err));
    RV_TRY(rvi_my_prepare(p->my, sql, &statement, err));
    RV_TRY(describe(p, statement, err));
    rvi_sql_rows_start(&p->rows.base, batch, SIZE_MAX);
    RV_TRY(rvi_my_execute(statement, query->params, query->n_params, &p->rows, 0,
                          rvi_my_statement_deadline(p->my), &page, &end, err));
    *out = (rv_key_value){0};
    return batch->rows > 0 ? read_texts(p, arena, out, err) : RV_OK;
}

rv_code rvi_my_probe(rvi_my *my, rvi_my_query *query, const rvi_my_operand *operand, int n, rv_arena *arena,
                     rv_key_value *out, rv_error *err)
{
    probe p = {.my = my, .operand = operand, .n = n};
    rvi_sql_last_key_init(&p.last, RVI_MY_SQL_BYTES);
    rv_code rc = run(&p, query, arena, out, err);
    rvi_sql_last_key_deinit(&p.last);
    return rc;
}

rv_code rvi_my_probe_failed(rv_code rc, rv_error *err)
{
    if (err != NULL && err->retry == RV_RETRY_SAME)
        err->retry = RV_RETRY_RECONNECT;
    if (err != NULL && err->retry == RV_RETRY_SMALLER)
        err->retry = RV_RETRY_NEVER;
    return rc;
}
