#include "rivet/dest.h"

#include <stdlib.h>
#include <string.h>

enum { N_PLACEHOLDERS = 5, NAME_BYTES_MAX = 64 };

static const char *const placeholder_names[N_PLACEHOLDERS] = {"date", "export", "table", "run_id",
                                                              "partition"};

static const char *value_of(const rv_placeholders *values, int index)
{
    const char *const all[N_PLACEHOLDERS] = {values->date, values->export_name, values->table, values->run_id,
                                             values->partition};
    return all[index];
}

static int find_placeholder(const char *name, size_t len)
{
    for (int i = 0; i < N_PLACEHOLDERS; i++)
        if (strlen(placeholder_names[i]) == len && memcmp(placeholder_names[i], name, len) == 0)
            return i;
    return -1;
}

static rv_code refuse_unknown(const char *name, size_t len, rv_error *err)
{
    char word[NAME_BYTES_MAX] = "";
    if (len < sizeof word)
        memcpy(word, name, len);
    const char *nearest = rv_did_you_mean(word, placeholder_names, N_PLACEHOLDERS);
    rv_fail(err, RV_E_CONFIG_VALUE, "destination.path has no placeholder {%.*s}",
            (int)(len < sizeof word ? len : sizeof word), name);
    rv_hint(err, "%s%s%sthe placeholders are {date}, {export}, {table}, {run_id} and {partition}",
            nearest ? "did you mean {" : "", nearest ? nearest : "", nearest ? "}? " : "");
    return RV_E_CONFIG_VALUE;
}

/* A value stands for a part of one folder's name and must not reach beyond it. */
static char safe_character(char c, bool only_dots)
{
    const bool control = (unsigned char)c < 0x20 || c == 0x7F;
    return c == '/' || control || only_dots ? '_' : c;
}

static rv_code append_value(rv_bytes *out, const char *value, rv_error *err)
{
    const size_t len = strlen(value);
    const bool only_dots = strspn(value, ".") == len;
    RV_TRY(rv_bytes_reserve(out, len, err));
    for (size_t i = 0; i < len; i++)
        out->data[out->len++] = (uint8_t)safe_character(value[i], only_dots);
    return RV_OK;
}

static rv_code append_placeholder(rv_bytes *out, const char *name, size_t len, const rv_placeholders *values,
                                  rv_error *err)
{
    int index = find_placeholder(name, len);
    if (index < 0)
        return refuse_unknown(name, len, err);
    const char *value = value_of(values, index);
    if (value != NULL && value[0] != '\0')
        return append_value(out, value, err);
    rv_fail(err, RV_E_CONFIG_VALUE, "{%s} in destination.path has no value here", placeholder_names[index]);
    rv_hint(err, index == N_PLACEHOLDERS - 1 ? "{partition} is for exports with `partition_by`"
                                             : "an export with a query has no {table}: use {export}");
    return RV_E_CONFIG_VALUE;
}

static rv_code expand(const char *path, const rv_placeholders *values, rv_bytes *out, rv_error *err)
{
    for (const char *at = path; *at != '\0';) {
        const size_t literal = strcspn(at, "{");
        RV_TRY(rv_bytes_append(out, at, literal, err));
        at += literal;
        if (*at == '\0')
            break;
        const char *end = strchr(at, '}');
        if (end == NULL)
            return rv_fail(err, RV_E_CONFIG_VALUE, "'{' without '}' in destination.path: '%s'", path);
        RV_TRY(append_placeholder(out, at + 1, (size_t)(end - at - 1), values, err));
        at = end + 1;
    }
    return RV_OK;
}

rv_code rv_dest_expand(const char *path, const rv_placeholders *values, rv_bytes *out, rv_error *err)
{
    const size_t before = out->len;
    rv_code rc = expand(path, values, out, err);
    if (rc != RV_OK)
        out->len = before;
    return rc;
}
