/* table_name.c - `schema.table` as the user writes it, to the names as the source spells them. */
#include "config/internal.h"

#include <string.h>

/* One part in double quotes, in which "" stands for one quote. Returns what follows the closing quote; NULL:
 * there is none. `out` has room for the whole of `text`. */
static const char *read_quoted(const char *text, char *out)
{
    for (const char *c = text + 1; *c; c++) {
        if (c[0] == '"' && c[1] != '"') {
            *out = '\0';
            return c + 1;
        }
        c += c[0] == '"';
        *out++ = *c;
    }
    return NULL;
}

/* One part; *rest is what follows it: "" or a text that begins with '.'. NULL, or why it is no name. */
static const char *read_part(const char *text, size_t plain_len, char *out, const char **rest)
{
    if (text[0] == '"') {
        *rest = read_quoted(text, out);
        if (!*rest)
            return "has a double quote that is not closed";
        if (**rest != '\0' && **rest != '.')
            return "has text after a closing double quote (a quote inside a name is written twice)";
    } else {
        memcpy(out, text, plain_len);
        out[plain_len] = '\0';
        *rest =
            text + plain_len; /* a double quote that does not begin a part is one like any other character */
    }
    return out[0] == '\0' ? "has an empty name" : NULL;
}

rv_code rv_relation_parse_table(rv_arena *arena, const char *text, rv_relation *out, rv_error *err)
{
    size_t len = strlen(text);
    char *first = rv_arena_alloc(arena, len + 1, 1), *second = rv_arena_alloc(arena, len + 1, 1);
    const char *rest = NULL;
    if (!first || !second)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "the name of a table");
    const char *problem = read_part(text, strcspn(text, "."), first, &rest);
    if (!problem && *rest == '\0') {
        *out = (rv_relation){.kind = RV_RELATION_TABLE, .table = first};
        return RV_OK;
    }
    /* Only the first dot divides: what follows is one name, dots and all. */
    if (!problem)
        problem = read_part(rest + 1, strlen(rest + 1), second, &rest);
    if (!problem && *rest != '\0')
        problem = "has more than two names";
    if (problem)
        return rv_fail(err, RV_E_CONFIG_VALUE, "%s", problem);
    *out = (rv_relation){.kind = RV_RELATION_TABLE, .schema = first, .table = second};
    return RV_OK;
}
