/* value.c - values of keys: kept, as text, and as parameters of statements. The forms are in select.h. */
#include "source/sqlite/select.h"

#include "rivet/utf8.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_TEXT_BYTES = 32 };

void rvi_sqlite_value_init(rvi_sqlite_value *value)
{
    *value = (rvi_sqlite_value){.cell = {.storage_class = SQLITE_NULL},
                                .bytes = RV_BYTES_INIT(RVI_SQLITE_MAX_KEY_VALUE_BYTES)};
}

void rvi_sqlite_value_deinit(rvi_sqlite_value *value)
{
    rv_bytes_deinit(&value->bytes);
}

rv_code rvi_sqlite_value_set(rvi_sqlite_value *value, const rvi_sqlite_cell *cell, rv_error *err)
{
    bool has_bytes = cell->storage_class == SQLITE_TEXT || cell->storage_class == SQLITE_BLOB;
    rv_bytes_clear(&value->bytes);
    if (has_bytes)
        RV_TRY_CTX(rv_bytes_append(&value->bytes, cell->bytes, cell->len, err), err, "a key value");
    value->cell = *cell;
    value->cell.bytes = value->bytes.len > 0 ? value->bytes.data : (const uint8_t *)"";
    return RV_OK;
}

/* By SQLite's own rules, which look at "INT" first: https://www.sqlite.org/datatype3.html, section 3.1. */
static bool has_text_affinity(const char *declared)
{
    rv_fidelity fidelity;
    bool has_int = false;
    for (const char *at = declared; *at != '\0' && !has_int; at++)
        has_int = sqlite3_strnicmp(at, "INT", 3) == 0;
    /* An undeclared type and one without a known word are strings too, but not of this affinity. */
    rv_type type = rvi_sqlite_natural_type(declared, &fidelity);
    return !has_int && type.id == RV_TYPE_STRING && fidelity == RV_FIDELITY_EXACT;
}

/* Is it what "%d" would print of an int64? */
static bool is_plain_integer(const char *text, size_t len, int64_t *out)
{
    char again[NUMBER_TEXT_BYTES];
    if (len == 0 || len >= sizeof again)
        return false;
    errno = 0;
    char *end = NULL;
    *out = strtoll(text, &end, 10);
    int n = snprintf(again, sizeof again, "%" PRId64, *out);
    return errno == 0 && n > 0 && (size_t)n == len && memcmp(again, text, len) == 0;
}

/* ---- text to value ---- */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool decode_hex(const char *text, uint8_t *out)
{
    for (; text[0] != '\0'; text += 2) {
        int high = hex_digit(text[0]), low = high < 0 ? -1 : hex_digit(text[1]);
        if (low < 0)
            return false;
        *out++ = (uint8_t)(high * 16 + low);
    }
    return true;
}

static rv_code unreadable(const char *text, rv_error *err)
{
    return rv_fail(err, RV_E_SOURCE_QUERY, "a key value that cannot be read: '%.80s'",
                   text[0] == RV_KEY_OWN_FORM ? text + 1 : text);
}

static rv_code parse_hex(rvi_sqlite_value *value, const char *text, rv_error *err)
{
    const char *hex = text + 2;
    size_t len = strlen(hex) / 2;
    rv_bytes_clear(&value->bytes);
    RV_TRY(rv_bytes_reserve(&value->bytes, len + 1, err));
    if (strlen(hex) % 2 != 0 || !decode_hex(hex, value->bytes.data))
        return unreadable(text, err);
    value->bytes.len = len;
    value->cell = (rvi_sqlite_cell){.storage_class = text[1] == 'b' ? SQLITE_BLOB : SQLITE_TEXT,
                                    .malformed = text[1] == 'w',
                                    .bytes = value->bytes.data,
                                    .len = len};
    return RV_OK;
}

static rv_code parse_text(rvi_sqlite_value *value, const char *text, rv_error *err)
{
    const rvi_sqlite_cell cell = {
        .storage_class = SQLITE_TEXT, .bytes = (const uint8_t *)text, .len = strlen(text)};
    return rvi_sqlite_value_set(value, &cell, err);
}

static rv_code parse_own_form(rvi_sqlite_value *value, const char *text, rv_error *err)
{
    const char *content = text + 2; /* past the mark and the letter, where there is a letter */
    char *end = NULL;
    int64_t integer = 0;
    switch (text[1]) {
    case 'i':
        if (!is_plain_integer(content, strlen(content), &integer))
            return unreadable(text, err);
        value->cell = (rvi_sqlite_cell){.storage_class = SQLITE_INTEGER, .integer = integer};
        return RV_OK;
    case 'r':
        value->cell = (rvi_sqlite_cell){.storage_class = SQLITE_FLOAT, .real = strtod(content, &end)};
        return end != content && *end == '\0' ? RV_OK : unreadable(text, err);
    case 't':
        return parse_text(value, content, err);
    case 'x':
    case 'w':
    case 'b':
        return parse_hex(value, text, err);
    default:
        return unreadable(text, err);
    }
}

rv_code rvi_sqlite_value_parse(rvi_sqlite_value *value, const char *text, const char *declared, rv_error *err)
{
    int64_t integer = 0;
    if (text[0] == RV_KEY_OWN_FORM)
        return parse_own_form(value, text, err);
    if (has_text_affinity(declared) || !is_plain_integer(text, strlen(text), &integer))
        return parse_text(value, text, err);
    value->cell = (rvi_sqlite_cell){.storage_class = SQLITE_INTEGER, .integer = integer};
    return RV_OK;
}

/* ---- value to text ---- */

static char *hex_text(rv_arena *arena, char letter, const uint8_t *bytes, size_t len)
{
    static const char digits[] = "0123456789abcdef";
    char *text = len <= RVI_SQLITE_MAX_KEY_VALUE_BYTES ? rv_arena_alloc(arena, 2 * len + 3, 1) : NULL;
    if (text == NULL)
        return NULL;
    text[0] = RV_KEY_OWN_FORM;
    text[1] = letter;
    for (size_t i = 0; i < len; i++) {
        text[2 + 2 * i] = digits[bytes[i] >> 4];
        text[3 + 2 * i] = digits[bytes[i] & 15];
    }
    return text;
}

static char *text_text(const rvi_sqlite_cell *cell, const char *declared, rv_arena *arena)
{
    const char *text = (const char *)cell->bytes;
    int64_t integer = 0;
    if (cell->malformed)
        return hex_text(arena, 'w', cell->bytes, cell->len);
    if (!rv_utf8_valid(cell->bytes, cell->len) || memchr(text, '\0', cell->len) != NULL)
        return hex_text(arena, 'x', cell->bytes, cell->len);
    bool own = (cell->len > 0 && text[0] == RV_KEY_OWN_FORM) ||
               (!has_text_affinity(declared) && is_plain_integer(text, cell->len, &integer));
    if (!own)
        return rv_arena_strndup(arena, text, cell->len);
    return rv_arena_printf(arena, "%ct%.*s", RV_KEY_OWN_FORM, (int)cell->len, text);
}

rv_code rvi_sqlite_value_text(const rvi_sqlite_cell *cell, const char *declared, rv_arena *arena,
                              const char **out, rv_error *err)
{
    char *text = NULL;
    if (cell->storage_class == SQLITE_INTEGER && !has_text_affinity(declared))
        text = rv_arena_printf(arena, "%" PRId64, cell->integer);
    else if (cell->storage_class == SQLITE_INTEGER)
        text = rv_arena_printf(arena, "%ci%" PRId64, RV_KEY_OWN_FORM, cell->integer);
    else if (cell->storage_class == SQLITE_FLOAT)
        text = rv_arena_printf(arena, "%cr%a", RV_KEY_OWN_FORM, cell->real);
    else if (cell->storage_class == SQLITE_BLOB)
        text = hex_text(arena, 'b', cell->bytes, cell->len);
    else if (cell->storage_class == SQLITE_TEXT)
        text = text_text(cell, declared, arena);
    else
        return rv_fail(err, RV_E_VALUE_MALFORMED, "a key column holds a NULL");
    if (text == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "the text of a key value");
    *out = text;
    return RV_OK;
}

/* ---- value to parameter ---- */

static int bind_text(const rvi_sqlite *session, sqlite3_stmt *stmt, int parameter,
                     const rvi_sqlite_cell *cell)
{
    unsigned char encoding = SQLITE_UTF8;
    if (cell->malformed && session->encoding != RVI_SQLITE_UTF8)
        encoding = session->encoding == RVI_SQLITE_UTF16BE ? SQLITE_UTF16BE : SQLITE_UTF16LE;
    const char *bytes = cell->len > 0 ? (const char *)cell->bytes : "\0"; /* two bytes: for UTF-16 */
    return sqlite3_bind_text64(stmt, parameter, bytes, cell->len, SQLITE_TRANSIENT, encoding);
}

rv_code rvi_sqlite_value_bind(const rvi_sqlite *session, sqlite3_stmt *stmt, int parameter,
                              const rvi_sqlite_cell *cell, rv_error *err)
{
    int result = SQLITE_OK;
    if (cell->storage_class == SQLITE_INTEGER)
        result = sqlite3_bind_int64(stmt, parameter, cell->integer);
    else if (cell->storage_class == SQLITE_FLOAT)
        result = sqlite3_bind_double(stmt, parameter, cell->real);
    else if (cell->storage_class == SQLITE_TEXT)
        result = bind_text(session, stmt, parameter, cell);
    else if (cell->storage_class == SQLITE_BLOB && cell->len > 0)
        result = sqlite3_bind_blob64(stmt, parameter, cell->bytes, cell->len, SQLITE_TRANSIENT);
    else if (cell->storage_class == SQLITE_BLOB)
        result = sqlite3_bind_zeroblob(stmt, parameter, 0);
    return result == SQLITE_OK ? RV_OK : rvi_sqlite_fail(session, result, "binding a key value", err);
}
