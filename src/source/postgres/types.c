/* types.c - which schema type a PostgreSQL type becomes, and in which form its values are read.
 *
 * Built-in types are a table. Others are asked of the catalog: domains are taken for what they are made of, enums
 * for their labels. Whatever has no natural form is cast to text by the server, which is exact for every type, so
 * nothing is ever refused. A list's element is treated as a value of its own would be. */
#include "internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    OID_CHAR = 18, /* "char", not char(n) */
    OID_MONEY = 790,
    OID_NUMERIC = 1700,
    NUMERIC_MOD_OFFSET = 4, /* VARHDRSZ */
    DECIMAL_MAX = 76,
    MONEY_DIGITS = 19, /* of an int64 */
};

/* Spec: src/include/catalog/pg_type.dat of PostgreSQL 15; OIDs of built-in types never change. */
typedef struct builtin {
    uint32_t oid, array_oid;
    rv_type_id type; /* INVALID: numeric, whose type depends on its modifier, and money */
    rvi_pg_wire wire;
    rv_fidelity fidelity;
} builtin;

static const builtin builtins[] = {
    {16, 1000, RV_TYPE_BOOL, RVI_PG_WIRE_BOOL, RV_FIDELITY_EXACT},
    {17, 1001, RV_TYPE_BINARY, RVI_PG_WIRE_BYTEA, RV_FIDELITY_EXACT},
    {OID_CHAR, 1002, RV_TYPE_STRING, RVI_PG_WIRE_TEXT, RV_FIDELITY_COMPATIBLE},
    {19, 1003, RV_TYPE_STRING, RVI_PG_WIRE_TEXT, RV_FIDELITY_EXACT}, /* name */
    {20, 1016, RV_TYPE_INT64, RVI_PG_WIRE_INT8, RV_FIDELITY_EXACT},
    {21, 1005, RV_TYPE_INT16, RVI_PG_WIRE_INT2, RV_FIDELITY_EXACT},
    {23, 1007, RV_TYPE_INT32, RVI_PG_WIRE_INT4, RV_FIDELITY_EXACT},
    {25, 1009, RV_TYPE_STRING, RVI_PG_WIRE_TEXT, RV_FIDELITY_EXACT}, /* text */
    {26, 1028, RV_TYPE_INT64, RVI_PG_WIRE_OID, RV_FIDELITY_COMPATIBLE},
    {114, 199, RV_TYPE_JSON, RVI_PG_WIRE_TEXT, RV_FIDELITY_EXACT},
    {700, 1021, RV_TYPE_FLOAT32, RVI_PG_WIRE_FLOAT4, RV_FIDELITY_EXACT},
    {701, 1022, RV_TYPE_FLOAT64, RVI_PG_WIRE_FLOAT8, RV_FIDELITY_EXACT},
    {705, 0, RV_TYPE_STRING, RVI_PG_WIRE_TEXT, RV_FIDELITY_EXACT}, /* unknown: a literal in a query */
    {OID_MONEY, 791, RV_TYPE_INVALID, RVI_PG_WIRE_MONEY, RV_FIDELITY_COMPATIBLE},
    {1042, 1014, RV_TYPE_STRING, RVI_PG_WIRE_TEXT, RV_FIDELITY_EXACT}, /* char(n), with its blanks */
    {1043, 1015, RV_TYPE_STRING, RVI_PG_WIRE_TEXT, RV_FIDELITY_EXACT}, /* varchar */
    {1082, 1182, RV_TYPE_DATE, RVI_PG_WIRE_DATE, RV_FIDELITY_EXACT},
    {1083, 1183, RV_TYPE_TIME, RVI_PG_WIRE_TIME, RV_FIDELITY_EXACT},
    {1114, 1115, RV_TYPE_TIMESTAMP, RVI_PG_WIRE_TIMESTAMP, RV_FIDELITY_EXACT},
    {1184, 1185, RV_TYPE_TIMESTAMP_TZ, RVI_PG_WIRE_TIMESTAMP, RV_FIDELITY_EXACT},
    {1186, 1187, RV_TYPE_INTERVAL, RVI_PG_WIRE_INTERVAL, RV_FIDELITY_COMPATIBLE},
    {OID_NUMERIC, 1231, RV_TYPE_INVALID, RVI_PG_WIRE_NUMERIC, RV_FIDELITY_EXACT},
    {2950, 2951, RV_TYPE_UUID, RVI_PG_WIRE_UUID, RV_FIDELITY_EXACT},
    {3802, 3807, RV_TYPE_JSON, RVI_PG_WIRE_JSONB, RV_FIDELITY_EXACT},
};

/* Types whose form is one of those above, found by name because extensions have no fixed OIDs. */
static const char citext[] = "citext";

const char *rvi_pg_cast_suffix(rvi_pg_cast cast)
{
    switch (cast) {
    case RVI_PG_CAST_NONE:
        return "";
    case RVI_PG_CAST_TEXT:
        return "::pg_catalog.text";
    case RVI_PG_CAST_TEXT_ARRAY:
        return "::pg_catalog.text[]";
    case RVI_PG_CAST_NUMERIC_TEXT:
        return "::pg_catalog.numeric::pg_catalog.text";
    }
    return "";
}

static rvi_pg_type as_text(void)
{
    return (rvi_pg_type){
        .natural = {.id = RV_TYPE_STRING},
        .fidelity = RV_FIDELITY_LOGICAL_STRING,
        .wire = RVI_PG_WIRE_TEXT,
        .cast = RVI_PG_CAST_TEXT,
    };
}

/* numeric(p,s). Before PostgreSQL 15 scales were 0 to p; since then -1000 to 1000, in 11 bits.
 * Spec: numeric.c, make_numeric_typmod(), numeric_typmod_scale(). */
static bool decimal_type(int32_t mod, rv_type *out)
{
    if (mod < NUMERIC_MOD_OFFSET)
        return false;
    int32_t packed = mod - NUMERIC_MOD_OFFSET;
    int32_t precision = (packed >> 16) & 0xFFFF, scale = ((packed & 0x7FF) ^ 1024) - 1024;
    if (precision < 1 || precision > DECIMAL_MAX || scale < 0 || scale > precision)
        return false;
    *out = (rv_type){.id = RV_TYPE_DECIMAL, .precision = (uint8_t)precision, .scale = (uint8_t)scale};
    return true;
}

/* `money_scale` -1: unknown. false: it is needed. */
static bool scalar_type(const builtin *found, int32_t mod, int money_scale, rvi_pg_type *out)
{
    *out = (rvi_pg_type){.natural = {.id = found->type}, .fidelity = found->fidelity, .wire = found->wire};
    if (found->oid == OID_CHAR) /* one byte; the cast shows what is no ASCII as an octal escape */
        out->cast = RVI_PG_CAST_TEXT;
    if (found->oid == OID_NUMERIC && !decimal_type(mod, &out->natural))
        *out = as_text();
    if (found->oid != OID_MONEY)
        return true;
    if (money_scale < 0)
        return false;
    out->natural = (rv_type){.id = RV_TYPE_DECIMAL, .precision = MONEY_DIGITS, .scale = (uint8_t)money_scale};
    return true;
}

/* A list of what `element` is. An element that is cast is cast in the array as well. */
static rvi_pg_type list_type(rvi_pg_type element, uint32_t element_oid)
{
    enum { OID_TEXT = 25 };
    bool cast = element.cast != RVI_PG_CAST_NONE;
    rv_fidelity fidelity = element.fidelity == RV_FIDELITY_EXACT ? RV_FIDELITY_COMPATIBLE : element.fidelity;
    return (rvi_pg_type){
        .natural = {.id = RV_TYPE_LIST,
                    .element = element.natural.id,
                    .precision = element.natural.precision,
                    .scale = element.natural.scale},
        .fidelity = fidelity,
        .wire = element.wire,
        .cast = cast ? RVI_PG_CAST_TEXT_ARRAY : RVI_PG_CAST_NONE,
        .element_oid = cast ? OID_TEXT : element_oid,
    };
}

static bool builtin_type(rvi_pg_type_ref ref, int money_scale, rvi_pg_type *out)
{
    for (size_t i = 0; i < sizeof builtins / sizeof builtins[0]; i++) {
        const builtin *found = &builtins[i];
        if (found->oid == ref.oid)
            return scalar_type(found, ref.mod, money_scale, out);
        if (found->array_oid != ref.oid || ref.oid == 0)
            continue;
        rvi_pg_type element;
        if (!scalar_type(found, ref.mod, money_scale, &element))
            return false;
        /* One column of that type may hold arrays of any number of dimensions; what was declared is a hint. */
        *out = ref.dimensions > 1 ? as_text() : list_type(element, found->oid);
        return true;
    }
    return false;
}

bool rvi_pg_builtin_type(rvi_pg_type_ref ref, rvi_pg_type *out)
{
    return builtin_type(ref, -1, out);
}

/* ---- types that only the catalog knows ---- */

/* What the catalog says about one type, domains already taken off. */
typedef struct base_type {
    uint32_t root, oid, element_oid; /* element_oid 0: no array */
    int32_t mod;                     /* of the domain; -1: none */
    bool is_enum, is_citext;
} base_type;

typedef struct base_types {
    base_type *items;
    int n;
} base_types;

/* A domain may be made of a domain; the recursion walks down to what is none. */
static const char base_types_sql[] =
    "WITH RECURSIVE walk(root, id, mod) AS ("
    " SELECT u.id, u.id, -1 FROM pg_catalog.unnest($1::pg_catalog.oid[]) AS u(id)"
    " UNION ALL"
    " SELECT w.root, t.typbasetype, t.typtypmod FROM walk w JOIN pg_catalog.pg_type t ON t.oid = w.id"
    " WHERE t.typtype = 'd')"
    " SELECT w.root, t.oid, w.mod, t.typtype, t.typname, CASE WHEN e.typarray = t.oid THEN e.oid ELSE 0 END"
    " FROM walk w JOIN pg_catalog.pg_type t ON t.oid = w.id LEFT JOIN pg_catalog.pg_type e ON e.oid = "
    "t.typelem"
    " WHERE t.typtype <> 'd'";

static uint32_t get_oid(const PGresult *result, int row, int column)
{
    return (uint32_t)strtoul(PQgetvalue(result, row, column), NULL, 10);
}

static rv_code read_base_types(const PGresult *result, base_types *out, rv_error *err)
{
    int n = PQntuples(result);
    base_type *items = calloc((size_t)n + 1, sizeof *items);
    if (items == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "the types of a relation");
    for (int i = 0; i < n; i++)
        items[i] = (base_type){
            .root = get_oid(result, i, 0),
            .oid = get_oid(result, i, 1),
            .mod = (int32_t)strtoll(PQgetvalue(result, i, 2), NULL, 10),
            .is_enum = PQgetvalue(result, i, 3)[0] == 'e',
            .is_citext = strcmp(PQgetvalue(result, i, 4), citext) == 0,
            .element_oid = get_oid(result, i, 5),
        };
    *out = (base_types){items, n};
    return RV_OK;
}

/* `list` is "{1,2,3}"; "{}" asks nothing. */
static rv_code ask_base_types(rvi_pg *pg, rv_bytes *list, base_types *out, rv_error *err)
{
    const char *text = NULL;
    if (list->len == 0)
        return RV_OK;
    list->data[0] = '{';
    RV_TRY(rv_bytes_append_str(list, "}", err));
    RV_TRY(rv_bytes_cstr(list, &text, err));
    rvi_pg_statement ask = {.sql = base_types_sql, .params = &text, .n_params = 1};
    RV_AUTO(PQclear) PGresult *result = NULL;
    RV_TRY(rvi_pg_query(pg, &ask, rvi_pg_control_deadline(), &result, err));
    return read_base_types(result, out, err);
}

/* Appends ",oid"; the first comma becomes the brace. */
static rv_code add_oid(rv_bytes *list, uint32_t oid, rv_error *err)
{
    return rv_bytes_printf(list, err, ",%" PRIu32, oid);
}

static const base_type *find_base(const base_types *types, uint32_t root)
{
    for (int i = 0; i < types->n; i++)
        if (types->items[i].root == root)
            return &types->items[i];
    return NULL;
}

/* A value of this type, which is no array. */
static rvi_pg_type base_scalar(const rvi_pg *pg, const base_type *base, int32_t mod)
{
    rvi_pg_type type = as_text();
    rvi_pg_type_ref ref = {.oid = base->oid, .mod = base->mod >= 0 ? base->mod : mod};
    if (builtin_type(ref, pg->money_scale, &type))
        return type;
    if (base->is_enum)
        return (rvi_pg_type){.natural = {.id = RV_TYPE_ENUM}, .fidelity = RV_FIDELITY_COMPATIBLE};
    if (base->is_citext) /* text with another idea of equality; the cast costs nothing */
        type.fidelity = RV_FIDELITY_COMPATIBLE;
    return type;
}

static rvi_pg_type type_from_catalog(const rvi_pg *pg, rvi_pg_type_ref ref, const base_types *bases,
                                     const base_types *elements)
{
    const base_type *base = find_base(bases, ref.oid);
    if (base == NULL)
        return as_text();
    const base_type *element = base->element_oid != 0 ? find_base(elements, base->element_oid) : NULL;
    if (element == NULL)
        return base_scalar(pg, base, ref.mod);
    if (ref.dimensions > 1)
        return as_text();
    rvi_pg_type of = base_scalar(pg, element, base->mod >= 0 ? base->mod : ref.mod);
    /* An array of a domain over arrays would be a list of lists. */
    return of.natural.id == RV_TYPE_LIST ? as_text() : list_type(of, base->element_oid);
}

/* lc_monetary says how many digits of a money value are a fraction; the database's own cast tells. */
static rv_code ask_money_scale(rvi_pg *pg, rv_error *err)
{
    rvi_pg_statement ask = {.sql = "SELECT pg_catalog.scale(('0'::pg_catalog.money)::pg_catalog.numeric)"};
    RV_AUTO(PQclear) PGresult *result = NULL;
    if (pg->money_scale >= 0)
        return RV_OK;
    RV_TRY(rvi_pg_query(pg, &ask, rvi_pg_control_deadline(), &result, err));
    long long scale = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    if (scale < 0 || scale > MONEY_DIGITS)
        return rv_fail(err, RV_E_SOURCE_UNSUPPORTED, "money has %lld fraction digits in this database",
                       scale);
    pg->money_scale = (int)scale;
    return RV_OK;
}

/* Ask about all unknown types at once, then about the elements of those that are arrays. */
static rv_code resolve_unknown(rvi_pg *pg, const rvi_pg_type_ref *refs, int n, rvi_pg_type *out,
                               base_types *bases, base_types *elements, rv_error *err)
{
    RV_AUTO(rv_bytes_deinit) rv_bytes unknown = RV_BYTES_INIT(RVI_PG_SQL_BYTES);
    RV_AUTO(rv_bytes_deinit) rv_bytes arrays = RV_BYTES_INIT(RVI_PG_SQL_BYTES);
    rvi_pg_type ignored;
    for (int i = 0; i < n; i++)
        if (!rvi_pg_builtin_type(refs[i], &ignored))
            RV_TRY(add_oid(&unknown, refs[i].oid, err));
    if (unknown.len > 0) /* money among them, or below a domain */
        RV_TRY(ask_money_scale(pg, err));
    RV_TRY(ask_base_types(pg, &unknown, bases, err));
    for (int i = 0; i < bases->n; i++)
        if (bases->items[i].element_oid != 0)
            RV_TRY(add_oid(&arrays, bases->items[i].element_oid, err));
    RV_TRY(ask_base_types(pg, &arrays, elements, err));
    for (int i = 0; i < n; i++)
        if (!builtin_type(refs[i], pg->money_scale, &out[i]))
            out[i] = type_from_catalog(pg, refs[i], bases, elements);
    return RV_OK;
}

rv_code rvi_pg_resolve_types(rvi_pg *pg, const rvi_pg_type_ref *refs, int n, rvi_pg_type *out, rv_error *err)
{
    base_types bases = {0}, elements = {0};
    rv_code rc = resolve_unknown(pg, refs, n, out, &bases, &elements, err);
    free(bases.items);
    free(elements.items);
    return rc;
}

/* ---- names ---- */

/* With a modifier of -1 a name can be taken back as a type without one: "bpchar", where "character" would be
 * character(1). Spec: format_type.c, FORMAT_TYPE_TYPEMOD_GIVEN. */
static const char names_sql[] =
    "SELECT pg_catalog.format_type(u.t, u.m)"
    " FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.oid[]), pg_catalog.unnest($2::pg_catalog.int4[]))"
    " WITH ORDINALITY AS u(t, m, i) ORDER BY u.i";

/* Appends one number to "{1,2" of an array in text form. */
static rv_code add_number(rv_bytes *array, int64_t value, rv_error *err)
{
    return rv_bytes_printf(array, err, "%c%" PRId64, array->len == 0 ? '{' : ',', value);
}

rv_code rvi_pg_name_types(rvi_pg *pg, const rvi_pg_type_ref *refs, int n, rvi_pg_names form, PGresult **out,
                          rv_error *err)
{
    RV_AUTO(rv_bytes_deinit) rv_bytes oids = RV_BYTES_INIT(RVI_PG_SQL_BYTES);
    RV_AUTO(rv_bytes_deinit) rv_bytes mods = RV_BYTES_INIT(RVI_PG_SQL_BYTES);
    const char *params[2] = {NULL, NULL};
    for (int i = 0; i < n; i++) {
        RV_TRY(add_number(&oids, refs[i].oid, err));
        RV_TRY(add_number(&mods, form == RVI_PG_NAMES_BARE ? -1 : refs[i].mod, err));
    }
    RV_TRY(rv_bytes_append_str(&oids, "}", err));
    RV_TRY(rv_bytes_append_str(&mods, "}", err));
    RV_TRY(rv_bytes_cstr(&oids, &params[0], err));
    RV_TRY(rv_bytes_cstr(&mods, &params[1], err));
    RV_TRY(rvi_pg_ask(pg, names_sql, params, 2, out, err));
    return PQntuples(*out) == n
               ? RV_OK
               : rv_fail(err, RV_E_INTERNAL, "format_type() did not answer for every column");
}
