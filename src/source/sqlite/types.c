/* types.c - declared types, storage classes, and one value from one to the other.
 *
 * A declared type in SQLite is a wish: any column but one of a STRICT table may hold any value. So a
 * column gets the type that its declaration wishes for, where SQLite has a storage class for it:
 *
 *   INT in the name              int64     the INTEGER affinity
 *   BOOL, BOOLEAN                bool      0 and 1
 *   REAL, FLOA, DOUB             float64   the REAL affinity
 *   BLOB                         binary
 *   CHAR, CLOB, TEXT             string    the TEXT affinity
 *   anything else, or none       string    SQLite has no dates, decimals, uuids, JSON: the value's exact text
 *
 * and every value is then held to it: what converts exactly is converted (5.0 in an INTEGER column), what
 * does not is refused through rv_column_refuse(), never rounded, cut or made NULL.
 * Spec: https://www.sqlite.org/datatype3.html, section 3.1. */
#include "source/sqlite/internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    SHOWN_BYTES = 80,
    NUMBER_TEXT_BYTES = 32,
    UUID_BYTES = 16,
};

static char upper(char c)
{
    return (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
}

/* `word` is in upper case; ASCII case is ignored, as SQLite does. */
static bool starts_with(const char *text, const char *word)
{
    for (; *word != '\0'; text++, word++)
        if (upper(*text) != *word)
            return false;
    return true;
}

static bool contains(const char *text, const char *word)
{
    for (; *text != '\0'; text++)
        if (starts_with(text, word))
            return true;
    return false;
}

/* INTERVAL and POINT have the INTEGER affinity only because of their spelling; nobody keeps integers
 * there. */
static bool declares_integer(const char *declared)
{
    return contains(declared, "INT") && !contains(declared, "INTERVAL") && !contains(declared, "POINT");
}

rv_type rvi_sqlite_natural_type(const char *declared, rv_fidelity *fidelity)
{
    static const struct {
        const char *word;
        rv_type_id id;
    } words[] = {
        {"BOOL", RV_TYPE_BOOL},    {"CHAR", RV_TYPE_STRING},  {"CLOB", RV_TYPE_STRING},
        {"TEXT", RV_TYPE_STRING},  {"BLOB", RV_TYPE_BINARY},  {"REAL", RV_TYPE_FLOAT64},
        {"FLOA", RV_TYPE_FLOAT64}, {"DOUB", RV_TYPE_FLOAT64},
    };
    const char *text = declared != NULL ? declared : "";
    *fidelity = RV_FIDELITY_EXACT;
    if (declares_integer(text))
        return (rv_type){.id = RV_TYPE_INT64};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (contains(text, words[i].word))
            return (rv_type){.id = words[i].id};
    *fidelity = RV_FIDELITY_LOGICAL_STRING;
    return (rv_type){.id = RV_TYPE_STRING};
}

static unsigned utf16_unit(const uint8_t *at, bool big_endian)
{
    return big_endian ? (unsigned)at[0] << 8 | at[1] : (unsigned)at[1] << 8 | at[0];
}

/* SQLite's own conversion swallows the character after a lone surrogate, so it must not be asked then.
 * Spec: The Unicode Standard, D91 (UTF-16). */
static bool utf16_valid(const uint8_t *bytes, size_t len, bool big_endian)
{
    if (len % 2 != 0)
        return false;
    for (size_t i = 0; i < len; i += 2) {
        unsigned unit = utf16_unit(bytes + i, big_endian);
        if (unit < 0xd800 || unit > 0xdfff)
            continue;
        bool high = unit < 0xdc00;
        i += 2;
        if (!high || i >= len || (utf16_unit(bytes + i, big_endian) & 0xfc00) != 0xdc00)
            return false;
    }
    return true;
}

/* The raw bytes first: asking for text would convert, and then they are gone. */
static rv_code fetch_bytes(const rvi_sqlite *session, sqlite3_stmt *stmt, int i, rvi_sqlite_cell *out,
                           rv_error *err)
{
    out->bytes = sqlite3_column_blob(stmt, i);
    out->len = (size_t)sqlite3_column_bytes(stmt, i);
    if (out->storage_class == SQLITE_TEXT && session->encoding != RVI_SQLITE_UTF8 && out->len > 0) {
        out->malformed = !utf16_valid(out->bytes, out->len, session->encoding == RVI_SQLITE_UTF16BE);
        if (!out->malformed) {
            out->bytes = sqlite3_column_text(stmt, i);
            out->len = (size_t)sqlite3_column_bytes(stmt, i);
        }
    }
    /* NULL is also what an empty value gives. */
    if (out->bytes == NULL && sqlite3_errcode(session->db) == SQLITE_NOMEM)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "SQLite had no memory for a value");
    if (out->bytes == NULL)
        out->bytes = (const uint8_t *)"";
    return RV_OK;
}

rv_code rvi_sqlite_fetch(const rvi_sqlite *session, sqlite3_stmt *stmt, int i, rvi_sqlite_cell *out,
                         rv_error *err)
{
    *out = (rvi_sqlite_cell){.storage_class = sqlite3_column_type(stmt, i)};
    switch (out->storage_class) {
    case SQLITE_NULL:
        return RV_OK;
    case SQLITE_INTEGER:
        out->integer = sqlite3_column_int64(stmt, i);
        return RV_OK;
    case SQLITE_FLOAT:
        out->real = sqlite3_column_double(stmt, i);
        return RV_OK;
    default:
        return fetch_bytes(session, stmt, i, out, err);
    }
}

size_t rvi_sqlite_weight(const rvi_sqlite_cell *cell, const rv_field *field)
{
    enum { OFFSET_AND_VALIDITY_BYTES = 5 };
    size_t width = rv_type_width(field->type);
    if (field->type.id == RV_TYPE_BOOL || width > 0)
        return width + 1;
    if (cell->storage_class == SQLITE_INTEGER || cell->storage_class == SQLITE_FLOAT)
        return NUMBER_TEXT_BYTES + OFFSET_AND_VALIDITY_BYTES;
    bool as_hex = cell->storage_class == SQLITE_BLOB && rv_type_is_text(field->type.id);
    return (as_hex ? 2 * cell->len + 2 : cell->len) + OFFSET_AND_VALIDITY_BYTES;
}

static size_t show_blob(const rvi_sqlite_cell *cell, char *out, size_t size)
{
    static const char hex[] = "0123456789abcdef";
    size_t n = 0;
    out[n++] = 'x';
    out[n++] = '\'';
    for (size_t i = 0; i < cell->len && n + 4 < size; i++) {
        out[n++] = hex[cell->bytes[i] >> 4];
        out[n++] = hex[cell->bytes[i] & 15];
    }
    out[n++] = '\'';
    return n;
}

size_t rvi_sqlite_show(const rvi_sqlite_cell *cell, char *out, size_t size)
{
    int n = 0;
    if (cell->storage_class == SQLITE_TEXT) {
        size_t len = cell->len < size ? cell->len : size;
        memcpy(out, cell->bytes, len);
        return len;
    }
    if (cell->storage_class == SQLITE_BLOB)
        return show_blob(cell, out, size);
    if (cell->storage_class == SQLITE_INTEGER)
        n = snprintf(out, size, "%" PRId64, cell->integer);
    else if (cell->storage_class == SQLITE_FLOAT)
        n = snprintf(out, size, "%.17g", cell->real);
    else
        n = snprintf(out, size, "NULL");
    return n > 0 && (size_t)n < size ? (size_t)n : 0;
}

static const char *class_words(const rvi_sqlite_cell *cell)
{
    switch (cell->storage_class) {
    case SQLITE_INTEGER:
        return "an integer";
    case SQLITE_FLOAT:
        return "a real number";
    case SQLITE_TEXT:
        return "a text";
    default:
        return "a blob";
    }
}

/* That SQLite let such a value in, and what else than a policy helps, is known here. */
static void explain(const rvi_sqlite_cell *cell, const rv_field *field, rv_invalid class, rv_error *err)
{
    bool declared = field->native_type[0] != '\0';
    err->hint[0] = '\0'; /* that of rv_column_refuse(), which names only policies */
    rv_hint(err,
            "the file holds %s here although the column %s%s; set its type under columns:, or on_invalid: "
            "{%s: …}",
            class_words(cell), declared ? "is declared " : "has no declared type", field->native_type,
            rv_invalid_name(class));
}

/* A column is made nullable when its policies are resolved, but not for every class that a value can turn
 * out to be; then its NOT NULL is what was promised to the file, and the value fails. */
static rv_code refuse(const rvi_sqlite_cell *cell, rv_column *column, const rv_field *field, rv_invalid class,
                      rv_policy *applied, rv_error *err)
{
    char shown[SHOWN_BYTES];
    size_t len = rvi_sqlite_show(cell, shown, sizeof shown);
    rv_field strict = *field;
    if (!field->nullable && field->on_invalid[class] == RV_POLICY_NULL)
        strict.on_invalid[class] = RV_POLICY_FAIL;
    rv_code rc = rv_column_refuse(column, &strict, class, shown, len, applied, err);
    bool wrong_class = rc == RV_E_VALUE_UNPARSEABLE || rc == RV_E_VALUE_OUT_OF_RANGE;
    if (wrong_class && err != NULL)
        explain(cell, field, class, err);
    return rc;
}

static rv_code refuse_class(const rvi_sqlite_cell *cell, rv_column *column, const rv_field *field,
                            rv_error *err)
{
    rv_policy applied = RV_POLICY_FAIL;
    return refuse(cell, column, field, RV_INVALID_UNPARSEABLE, &applied, err);
}

static rv_code append_int64(const rvi_sqlite_cell *cell, rv_column *column, const rv_field *field,
                            rv_error *err)
{
    if (cell->storage_class == SQLITE_INTEGER) {
        rv_column_append_i64(column, cell->integer);
        return RV_OK;
    }
    if (cell->storage_class != SQLITE_FLOAT)
        return refuse_class(cell, column, field, err);
    if (cell->real >= -0x1p63 && cell->real < 0x1p63) {
        int64_t integer = (int64_t)cell->real;
        if ((double)integer != cell->real)
            return refuse_class(cell, column, field, err);
        rv_column_append_i64(column, integer);
        return RV_OK;
    }
    rv_policy applied = RV_POLICY_FAIL;
    RV_TRY(refuse(cell, column, field, RV_INVALID_RANGE, &applied, err));
    if (applied == RV_POLICY_CLAMP)
        rv_column_append_i64(column, cell->real < 0 ? INT64_MIN : INT64_MAX);
    return RV_OK;
}

static rv_code append_bool(const rvi_sqlite_cell *cell, rv_column *column, const rv_field *field,
                           rv_error *err)
{
    if (cell->storage_class != SQLITE_INTEGER || (cell->integer != 0 && cell->integer != 1))
        return refuse_class(cell, column, field, err);
    rv_column_append_bool(column, cell->integer != 0);
    return RV_OK;
}

static bool is_exact_as_double(int64_t integer)
{
    double real = (double)integer;
    return real < 0x1p63 && (int64_t)real == integer;
}

static rv_code append_float64(const rvi_sqlite_cell *cell, rv_column *column, const rv_field *field,
                              rv_error *err)
{
    double value = cell->real;
    rv_policy applied = RV_POLICY_FAIL;
    if (cell->storage_class == SQLITE_INTEGER) {
        value = (double)cell->integer;
        if (!is_exact_as_double(cell->integer))
            RV_TRY(refuse(cell, column, field, RV_INVALID_RANGE, &applied, err));
    } else if (cell->storage_class != SQLITE_FLOAT) {
        return refuse_class(cell, column, field, err);
    }
    if (applied != RV_POLICY_NULL)
        rv_column_append_fixed(column, &value, sizeof value);
    return RV_OK;
}

/* Exact text of a number: shortest that reads back equal, as everywhere in Rivet. A real keeps its point
 * (5.0), or it could not be told from an integer. */
static rv_code number_text(const rvi_sqlite_cell *cell, rv_bytes *text, rv_error *err)
{
    rv_bytes_clear(text);
    if (cell->storage_class == SQLITE_INTEGER)
        return rv_bytes_printf(text, err, "%" PRId64, cell->integer);
    double real = cell->real;
    const rv_column one = {.type = {.id = RV_TYPE_FLOAT64}, .length = 1, .values = (uint8_t *)&real};
    RV_TRY(rv_column_text(&one, 0, text, err));
    for (size_t i = 0; i < text->len; i++)
        if ((text->data[i] < '0' || text->data[i] > '9') && text->data[i] != '-')
            return RV_OK;
    return rv_bytes_append_str(text, ".0", err);
}

static rv_code hex_text(const rvi_sqlite_cell *cell, const char *prefix, rv_bytes *text, rv_error *err)
{
    static const char hex[] = "0123456789abcdef";
    rv_bytes_clear(text);
    RV_TRY(rv_bytes_append_str(text, prefix, err));
    RV_TRY(rv_bytes_reserve(text, 2 * cell->len, err));
    for (size_t i = 0; i < cell->len; i++) {
        text->data[text->len++] = (uint8_t)hex[cell->bytes[i] >> 4];
        text->data[text->len++] = (uint8_t)hex[cell->bytes[i] & 15];
    }
    return RV_OK;
}

/* A blob has no text. It has bytes, for a binary column; 16 of them are a uuid's; and a column declared
 * BLOB that the user wants as text gets them as PostgreSQL writes them, \x00ff. Anything else would be a
 * guess. */
static rv_code append_blob(const rvi_sqlite_cell *cell, rv_column *column, const rv_field *field,
                           rv_bytes *scratch, rv_error *err)
{
    if (field->type.id == RV_TYPE_BINARY)
        return rv_column_append_bytes(column, cell->bytes, cell->len, err);
    bool as_uuid = field->type.id == RV_TYPE_UUID && cell->len == UUID_BYTES;
    bool as_hex = field->type.id == RV_TYPE_STRING && field->natural.id == RV_TYPE_BINARY;
    if (!as_uuid && !as_hex)
        return refuse_class(cell, column, field, err);
    RV_TRY(hex_text(cell, as_uuid ? "" : "\\x", scratch, err));
    return rv_column_append_text(column, field, (const char *)scratch->data, scratch->len, err);
}

/* The value's exact text, which the batch parses if the column is to be something else than text. */
static rv_code append_text(const rvi_sqlite_cell *cell, rv_column *column, const rv_field *field,
                           rv_bytes *scratch, rv_error *err)
{
    if (cell->storage_class == SQLITE_BLOB)
        return append_blob(cell, column, field, scratch, err);
    if (cell->storage_class == SQLITE_TEXT)
        return rv_column_append_text(column, field, (const char *)cell->bytes, cell->len, err);
    RV_TRY(number_text(cell, scratch, err));
    return rv_column_append_text(column, field, (const char *)scratch->data, scratch->len, err);
}

static rv_code append_null(rv_column *column, const rv_field *field, rv_error *err)
{
    if (field->nullable)
        return rv_column_append_null(column, err);
    rv_fail(err, RV_E_VALUE_MALFORMED, "column '%s' is declared NOT NULL and holds a NULL", field->name);
    rv_hint(err, "the file was changed behind SQLite's back; see PRAGMA integrity_check");
    return RV_E_VALUE_MALFORMED;
}

rv_code rvi_sqlite_append(const rvi_sqlite_cell *cell, rv_column *column, const rv_field *field,
                          rv_bytes *scratch, rv_error *err)
{
    if (cell->storage_class == SQLITE_NULL)
        return append_null(column, field, err);
    if (cell->malformed) {
        rv_policy applied = RV_POLICY_FAIL;
        return refuse(cell, column, field, RV_INVALID_ENCODING, &applied, err);
    }
    if (field->transfer == RV_TRANSFER_TEXT || field->type.id == RV_TYPE_STRING)
        return append_text(cell, column, field, scratch, err);
    if (field->type.id == RV_TYPE_INT64)
        return append_int64(cell, column, field, err);
    if (field->type.id == RV_TYPE_BOOL)
        return append_bool(cell, column, field, err);
    if (field->type.id == RV_TYPE_FLOAT64)
        return append_float64(cell, column, field, err);
    if (field->type.id == RV_TYPE_BINARY && cell->storage_class == SQLITE_BLOB)
        return rv_column_append_bytes(column, cell->bytes, cell->len, err);
    return refuse_class(cell, column, field, err);
}
