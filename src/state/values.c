#include "state/internal.h"

#include "rivet/checked.h"
#include "rivet/utf8.h"

#include <string.h>

rvi_value rvi_bind_int(int64_t number)
{
    return (rvi_value){.kind = RVI_INT, .number = number};
}

rvi_value rvi_bind_text(const char *text)
{
    const char *present = text ? text : "";
    return (rvi_value){.kind = RVI_TEXT, .len = strlen(present), .bytes = present};
}

rvi_value rvi_bind_text_or_null(const char *text)
{
    return text ? rvi_bind_text(text) : (rvi_value){.kind = RVI_NULL};
}

/* Bytes of the UTF-8 character that begins here; 0: none does. */
static size_t character_len(const char *at)
{
    const uint8_t lead = (uint8_t)*at;
    const size_t len = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    return strnlen(at, len) == len && rv_utf8_valid((const uint8_t *)at, len) ? len : 0;
}

rvi_value rvi_bind_message(char room[RVI_MESSAGE_BYTES], const char *text)
{
    size_t len = 0;
    if (!text)
        return rvi_bind_text_or_null(NULL);
    while (*text) {
        const size_t n = character_len(text);
        if (len + (n > 0 ? n : 1) >= RVI_MESSAGE_BYTES)
            break;
        if (n > 0)
            memcpy(room + len, text, n);
        else
            room[len] = '?';
        len += n > 0 ? n : 1;
        text += n > 0 ? n : 1;
    }
    room[len] = '\0';
    return rvi_bind_text(room);
}

rvi_value rvi_bind_blob(const void *bytes, size_t len)
{
    return (rvi_value){.kind = RVI_BLOB, .len = len, .bytes = bytes};
}

rv_code rvi_rows_new(rvi_rows **out, rv_error *err)
{
    RV_AUTO(rv_arena_free) rv_arena *arena = NULL;
    RV_TRY(rv_arena_new(&arena, RVI_ROWS_MAX_BYTES, err));
    rvi_rows *rows = rv_arena_alloc(arena, 1, sizeof *rows);
    if (!rows)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "cannot allocate a result of the state store");
    RV_MOVE(&rows->arena, arena);
    *out = rows;
    return RV_OK;
}

void rvi_rows_free(rvi_rows *rows)
{
    if (rows)
        rv_arena_free(rows->arena);
}

static rv_code fail_too_large(const rvi_rows *rows, rv_error *err)
{
    rv_code rc =
        rv_fail(err, RV_E_OUT_OF_MEMORY,
                "a listing of the state store does not fit into memory after %lld rows", (long long)rows->n);
    rv_hint(err, "ask for fewer rows, or for one export");
    return rc;
}

rv_code rvi_rows_add(rvi_rows *rows, int n_columns, rvi_row **out, rv_error *err)
{
    size_t bytes;
    if (rv_mul_size(&bytes, (size_t)n_columns, sizeof(rvi_value)) ||
        rv_add_size(&bytes, bytes, sizeof(rvi_row)))
        return fail_too_large(rows, err);
    rvi_row *row = rv_arena_alloc(rows->arena, 1, bytes);
    if (!row)
        return fail_too_large(rows, err);
    for (int i = 0; i < n_columns; i++)
        row->cells[i].kind = RVI_NULL;
    if (rows->last)
        rows->last->next = row;
    else
        rows->first = row;
    rows->last = row;
    rows->n++;
    *out = row;
    return RV_OK;
}

rv_code rvi_rows_copy(rvi_rows *rows, const void *bytes, size_t len, const void **out, rv_error *err)
{
    const void *copy = rv_arena_strndup(rows->arena, bytes, len);
    if (!copy)
        return fail_too_large(rows, err);
    *out = copy;
    return RV_OK;
}

rvi_cells rvi_cells_of(const rvi_row *row)
{
    return (rvi_cells){row->cells};
}

int64_t rvi_next_int(rvi_cells *cells)
{
    const rvi_value *value = cells->next++;
    return value->kind == RVI_INT ? value->number : 0;
}

const char *rvi_next_text(rvi_cells *cells)
{
    const rvi_value *value = cells->next++;
    return value->kind == RVI_TEXT ? value->bytes : "";
}

const char *rvi_next_text_or_null(rvi_cells *cells)
{
    const rvi_value *value = cells->next++;
    return value->kind == RVI_TEXT ? value->bytes : NULL;
}

const void *rvi_next_bytes(rvi_cells *cells, size_t *len)
{
    const rvi_value *value = cells->next++;
    *len = value->kind == RVI_BLOB ? value->len : 0;
    return value->kind == RVI_BLOB ? value->bytes : "";
}

void rvi_next_blob(rvi_cells *cells, void *out, size_t len)
{
    const rvi_value *value = cells->next++;
    if (value->kind == RVI_BLOB && value->len == len)
        memcpy(out, value->bytes, len);
    else
        memset(out, 0, len);
}
