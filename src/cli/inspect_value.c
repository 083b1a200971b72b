#include "inspect.h"

#include "rivet/utf8.h"

#include <inttypes.h>
#include <string.h>

/* Bytes of the character at the start of `text`; 0: what stands there is no UTF-8. */
static size_t character_bytes(const uint8_t *text, size_t left)
{
    for (size_t n = 1; n <= 4 && n <= left; n++)
        if (rv_utf8_valid(text, n))
            return n;
    return 0;
}

/* U+0000 to U+001F, U+007F to U+009F: none of them reaches a terminal. */
static bool is_control(const uint8_t *text, size_t n)
{
    return (n == 1 && (text[0] < 0x20 || text[0] == 0x7F)) || (n == 2 && text[0] == 0xC2 && text[1] < 0xA0);
}

static rv_code append_character(const uint8_t *text, size_t n, rv_bytes *out, rv_error *err)
{
    static const char letters[] = "btn\0fr"; /* of U+0008 to U+000D; U+000B has none */
    if (n == 0)
        return rv_bytes_append_str(out, "\xEF\xBF\xBD", err);
    if (text[0] == '"' || text[0] == '\\')
        return rv_bytes_printf(out, err, "\\%c", text[0]);
    if (n == 1 && text[0] >= 0x08 && text[0] <= 0x0D && text[0] != 0x0B)
        return rv_bytes_printf(out, err, "\\%c", letters[text[0] - 0x08]);
    if (is_control(text, n))
        return rv_bytes_printf(out, err, "\\u%04x", n == 1 ? text[0] : text[1]); /* U+0080 is C2 80 */
    return rv_bytes_append(out, text, n, err);
}

rv_code rvi_inspect_quoted(const uint8_t *text, size_t len, rv_bytes *out, rv_error *err)
{
    RV_TRY(rv_bytes_append(out, "\"", 1, err));
    for (size_t at = 0; at < len;) {
        size_t n = character_bytes(text + at, len - at);
        RV_TRY(append_character(text + at, n, out, err));
        at += n > 0 ? n : 1;
    }
    return rv_bytes_append(out, "\"", 1, err);
}

json_t *rvi_inspect_json_text(const uint8_t *text, size_t len)
{
    rv_bytes quoted = RV_BYTES_INIT(RVI_INSPECT_SAMPLE_BYTES);
    json_t *value = NULL;
    if (rvi_inspect_quoted(text, len, &quoted, NULL) == RV_OK)
        value = json_loadb((const char *)quoted.data, quoted.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    rv_bytes_deinit(&quoted);
    return value;
}

static bool is_text(const rv_parquet_node *leaf)
{
    bool bytes = leaf->physical == RV_PARQUET_BYTE_ARRAY || leaf->physical == RV_PARQUET_FIXED;
    return bytes && (leaf->logical == RV_PARQUET_LOGICAL_STRING || leaf->logical == RV_PARQUET_LOGICAL_ENUM ||
                     leaf->logical == RV_PARQUET_LOGICAL_JSON);
}

/* Whether the canonical text is one of JSON's numbers or booleans: not NaN or an infinity, and not a decimal, whose
 * digits would be lost where numbers are doubles. */
static bool is_bare(const rv_parquet_node *leaf, const uint8_t *text, size_t len)
{
    bool number = leaf->logical == RV_PARQUET_LOGICAL_NONE || leaf->logical == RV_PARQUET_LOGICAL_INTEGER;
    switch (leaf->physical) {
    case RV_PARQUET_BOOLEAN:
        return true;
    case RV_PARQUET_INT32:
    case RV_PARQUET_INT64:
        return number;
    case RV_PARQUET_FLOAT:
    case RV_PARQUET_DOUBLE:
        return len > 0 &&
               ((text[0] >= '0' && text[0] <= '9') || (text[0] == '-' && len > 1 && text[1] != 'i'));
    default:
        return false;
    }
}

rv_code rvi_inspect_value(const rv_parquet_node *leaf, rv_parquet_bytes value, rvi_value_form form,
                          rv_bytes *out, rv_error *err)
{
    if (form != RVI_VALUE_PLAIN && is_text(leaf))
        return rvi_inspect_quoted(value.data, value.len, out, err);
    size_t from = out->len;
    RV_TRY(rv_parquet_value_text(leaf, value.data, value.len, out, err));
    if (form != RVI_VALUE_JSON || is_bare(leaf, out->data + from, out->len - from))
        return RV_OK;
    RV_TRY(rv_bytes_reserve(out, 2, err)); /* dates, digits and hex need no escapes */
    memmove(out->data + from + 1, out->data + from, out->len - from);
    out->data[from] = '"';
    out->data[out->len + 1] = '"';
    out->len += 2;
    return RV_OK;
}

rv_code rvi_inspect_bound(const rv_parquet_node *leaf, rv_parquet_bytes bound, rvi_value_form form,
                          rv_bytes *out, bool *known, rv_error *err)
{
    size_t before = out->len;
    rv_code rc = rvi_inspect_value(leaf, bound, form, out, err);
    *known = rc == RV_OK;
    if (rc != RV_E_FILE_DAMAGED)
        return rc;
    out->len = before;
    if (err != NULL)
        rv_error_clear(err);
    return RV_OK;
}

static const char *unit_name(int32_t unit)
{
    static const char *const names[] = {"?", "MILLIS", "MICROS", "NANOS"};
    return unit >= 0 && unit <= RV_PARQUET_UNIT_NANOS ? names[unit] : "?";
}

const char *rvi_inspect_logical(char out[RVI_TYPE_NAME_BYTES], const rv_parquet_node *node)
{
    const char *name = rv_parquet_logical_name(node->logical);
    out[0] = '\0';
    if (node->logical == RV_PARQUET_LOGICAL_DECIMAL)
        (void)snprintf(out, RVI_TYPE_NAME_BYTES, "%s(%" PRId32 ",%" PRId32 ")", name, node->precision,
                       node->scale);
    else if (node->logical == RV_PARQUET_LOGICAL_INTEGER)
        (void)snprintf(out, RVI_TYPE_NAME_BYTES, "%s(%" PRId32 ", %s)", name, node->bit_width,
                       node->is_signed ? "signed" : "unsigned");
    else if (node->logical == RV_PARQUET_LOGICAL_TIME || node->logical == RV_PARQUET_LOGICAL_TIMESTAMP)
        (void)snprintf(out, RVI_TYPE_NAME_BYTES, "%s(%s, %s)", name, unit_name(node->unit),
                       node->utc ? "UTC" : "local");
    else if (node->logical != RV_PARQUET_LOGICAL_NONE)
        (void)snprintf(out, RVI_TYPE_NAME_BYTES, "%s", name);
    return out;
}

const char *rvi_inspect_physical(char out[RVI_TYPE_NAME_BYTES], const rv_parquet_node *node)
{
    out[0] = '\0';
    if (node->physical == RV_PARQUET_FIXED)
        (void)snprintf(out, RVI_TYPE_NAME_BYTES, "%s(%" PRId32 ")", rv_parquet_physical_name(node->physical),
                       node->type_length);
    else if (node->physical >= 0)
        (void)snprintf(out, RVI_TYPE_NAME_BYTES, "%s", rv_parquet_physical_name(node->physical));
    return out;
}

json_t *rvi_inspect_noted(const rv_parquet_metadata *metadata, const char *name)
{
    static const char prefix[] = "rivet.column.";
    for (int32_t i = 0; i < metadata->n_key_values; i++) {
        const rv_parquet_key_value *pair = &metadata->key_values[i];
        if (strncmp(pair->key, prefix, sizeof prefix - 1) != 0 ||
            strcmp(pair->key + sizeof prefix - 1, name) != 0 || pair->value.data == NULL)
            continue;
        json_t *noted = json_loadb((const char *)pair->value.data, pair->value.len, 0, NULL);
        if (json_is_object(noted))
            return noted;
        json_decref(noted);
    }
    return NULL;
}
