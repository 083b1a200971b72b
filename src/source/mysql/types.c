/* types.c - which schema type a column of MySQL or MariaDB becomes, and in which form its values arrive.
 *
 * A table's columns are known from information_schema, which says what was declared; a query's only from what the
 * protocol says of a result, which is less: labels, and whether a longtext is guarded as JSON, are known there only
 * as far as MariaDB's extended metadata tell. Both ways meet in the wire form, which rvi_my_type_arrives() compares
 * before anything is decoded.
 *
 * Spec: MySQL 8.0 manual, "Data Types" and "The INFORMATION_SCHEMA COLUMNS Table"; MySQL internals, "Column
 * Definition" and "Binary Protocol Value"; the facts about MariaDB 10.11 are those of test_mysql_catalog.c. */
#include "internal.h"

#include <stdio.h>
#include <string.h>

enum {
    CHARSET_BINARY = 63,
    DECIMAL_PRECISION_MAX = 65,
    BITS_OF_INT64 = 63,
    BITS_OF_UINT64 = 64,
    UNKNOWN_DECIMALS = 31,  /* NOT_FIXED_DEC: a float, or an expression */
    TYPE_VECTOR = 242,      /* MySQL 9; not in libmariadb 3.3 */
    FIELD_WIRE_MASK = 0xFF, /* of rv_field.native_id */
    FIELD_CAST = 0x100,
};

/* For types that are not known: whatever the server has for them, it can print. */
static const char cast_to_text[] = "CAST(%s AS CHAR)";

/* Types that are the same with and without UNSIGNED, and need no modifier. */
static const struct plain_type {
    const char *name;
    rv_type_id type;
    rv_fidelity fidelity;
    rvi_my_wire wire;
} plain_types[] = {
    {"year", RV_TYPE_INT16, RV_FIDELITY_COMPATIBLE, RVI_MY_WIRE_INT2},
    {"float", RV_TYPE_FLOAT32, RV_FIDELITY_EXACT, RVI_MY_WIRE_FLOAT},
    {"double", RV_TYPE_FLOAT64, RV_FIDELITY_EXACT, RVI_MY_WIRE_DOUBLE},
    {"date", RV_TYPE_DATE, RV_FIDELITY_EXACT, RVI_MY_WIRE_DATE},
    /* A signed duration of up to 838:59:59, which Parquet's TIME, a time of day, has no place for. */
    {"time", RV_TYPE_STRING, RV_FIDELITY_LOGICAL_STRING, RVI_MY_WIRE_TIME},
    {"datetime", RV_TYPE_TIMESTAMP, RV_FIDELITY_EXACT, RVI_MY_WIRE_DATETIME},
    {"timestamp", RV_TYPE_TIMESTAMP_TZ, RV_FIDELITY_EXACT, RVI_MY_WIRE_DATETIME},
    {"char", RV_TYPE_STRING, RV_FIDELITY_EXACT, RVI_MY_WIRE_TEXT},
    {"varchar", RV_TYPE_STRING, RV_FIDELITY_EXACT, RVI_MY_WIRE_TEXT},
    {"tinytext", RV_TYPE_STRING, RV_FIDELITY_EXACT, RVI_MY_WIRE_TEXT},
    {"text", RV_TYPE_STRING, RV_FIDELITY_EXACT, RVI_MY_WIRE_TEXT},
    {"mediumtext", RV_TYPE_STRING, RV_FIDELITY_EXACT, RVI_MY_WIRE_TEXT},
    {"longtext", RV_TYPE_STRING, RV_FIDELITY_EXACT, RVI_MY_WIRE_TEXT},
    {"json", RV_TYPE_JSON, RV_FIDELITY_EXACT, RVI_MY_WIRE_TEXT},
    {"enum", RV_TYPE_ENUM, RV_FIDELITY_COMPATIBLE, RVI_MY_WIRE_TEXT},
    {"set", RV_TYPE_ENUM, RV_FIDELITY_COMPATIBLE, RVI_MY_WIRE_TEXT},
    {"uuid", RV_TYPE_UUID, RV_FIDELITY_EXACT, RVI_MY_WIRE_TEXT},
    {"inet4", RV_TYPE_STRING, RV_FIDELITY_LOGICAL_STRING, RVI_MY_WIRE_TEXT},
    {"inet6", RV_TYPE_STRING, RV_FIDELITY_LOGICAL_STRING, RVI_MY_WIRE_TEXT},
    {"binary", RV_TYPE_BINARY, RV_FIDELITY_EXACT, RVI_MY_WIRE_BINARY},
    {"varbinary", RV_TYPE_BINARY, RV_FIDELITY_EXACT, RVI_MY_WIRE_BINARY},
    {"tinyblob", RV_TYPE_BINARY, RV_FIDELITY_EXACT, RVI_MY_WIRE_BINARY},
    {"blob", RV_TYPE_BINARY, RV_FIDELITY_EXACT, RVI_MY_WIRE_BINARY},
    {"mediumblob", RV_TYPE_BINARY, RV_FIDELITY_EXACT, RVI_MY_WIRE_BINARY},
    {"longblob", RV_TYPE_BINARY, RV_FIDELITY_EXACT, RVI_MY_WIRE_BINARY},
    {"vector", RV_TYPE_BINARY, RV_FIDELITY_COMPATIBLE, RVI_MY_WIRE_BINARY},
    {"geometry", RV_TYPE_BINARY, RV_FIDELITY_COMPATIBLE, RVI_MY_WIRE_GEOMETRY},
    {"point", RV_TYPE_BINARY, RV_FIDELITY_COMPATIBLE, RVI_MY_WIRE_GEOMETRY},
    {"linestring", RV_TYPE_BINARY, RV_FIDELITY_COMPATIBLE, RVI_MY_WIRE_GEOMETRY},
    {"polygon", RV_TYPE_BINARY, RV_FIDELITY_COMPATIBLE, RVI_MY_WIRE_GEOMETRY},
    {"multipoint", RV_TYPE_BINARY, RV_FIDELITY_COMPATIBLE, RVI_MY_WIRE_GEOMETRY},
    {"multilinestring", RV_TYPE_BINARY, RV_FIDELITY_COMPATIBLE, RVI_MY_WIRE_GEOMETRY},
    {"multipolygon", RV_TYPE_BINARY, RV_FIDELITY_COMPATIBLE, RVI_MY_WIRE_GEOMETRY},
    {"geometrycollection", RV_TYPE_BINARY, RV_FIDELITY_COMPATIBLE, RVI_MY_WIRE_GEOMETRY},
    {"geomcollection", RV_TYPE_BINARY, RV_FIDELITY_COMPATIBLE, RVI_MY_WIRE_GEOMETRY},
};

/* Integers by their width in bytes: what they become signed and unsigned. */
static const struct integer_type {
    const char *name;
    enum enum_field_types code;
    rv_type_id type, unsigned_type;
    rvi_my_wire wire, unsigned_wire;
} integer_types[] = {
    {"tinyint", MYSQL_TYPE_TINY, RV_TYPE_INT16, RV_TYPE_INT16, RVI_MY_WIRE_INT1, RVI_MY_WIRE_UINT1},
    {"smallint", MYSQL_TYPE_SHORT, RV_TYPE_INT16, RV_TYPE_INT32, RVI_MY_WIRE_INT2, RVI_MY_WIRE_UINT2},
    {"mediumint", MYSQL_TYPE_INT24, RV_TYPE_INT32, RV_TYPE_INT64, RVI_MY_WIRE_INT4, RVI_MY_WIRE_UINT4},
    {"int", MYSQL_TYPE_LONG, RV_TYPE_INT32, RV_TYPE_INT64, RVI_MY_WIRE_INT4, RVI_MY_WIRE_UINT4},
    {"bigint", MYSQL_TYPE_LONGLONG, RV_TYPE_INT64, RV_TYPE_UINT64, RVI_MY_WIRE_INT8, RVI_MY_WIRE_UINT8},
};

static rvi_my_type of_id(rv_type_id id, rv_fidelity fidelity, rvi_my_wire wire)
{
    return (rvi_my_type){.natural = {.id = id}, .fidelity = fidelity, .wire = wire};
}

static bool plain_type(const char *name, rvi_my_type *out)
{
    for (size_t i = 0; i < sizeof plain_types / sizeof *plain_types; i++) {
        const struct plain_type *plain = &plain_types[i];
        if (strcmp(plain->name, name) != 0)
            continue;
        *out = of_id(plain->type, plain->fidelity, plain->wire);
        return true;
    }
    return false;
}

static rvi_my_type integer_type(const struct integer_type *of, bool is_unsigned)
{
    return of_id(is_unsigned ? of->unsigned_type : of->type, RV_FIDELITY_EXACT,
                 is_unsigned ? of->unsigned_wire : of->wire);
}

/* By convention a truth value; the server takes any number of one byte, so the decoder looks at each. Only the signed
 * one: of an unsigned one MySQL 8.0.19 and later do not keep the width. */
static rvi_my_type truth_type(void)
{
    rvi_my_type type = of_id(RV_TYPE_BOOL, RV_FIDELITY_EXACT, RVI_MY_WIRE_INT1);
    type.loose = true;
    return type;
}

static rvi_my_type bit_type(int64_t n)
{
    rv_type_id id = n == 1 ? RV_TYPE_BOOL : n <= BITS_OF_INT64 ? RV_TYPE_INT64 : RV_TYPE_UINT64;
    return of_id(id, n == 1 ? RV_FIDELITY_EXACT : RV_FIDELITY_COMPATIBLE, RVI_MY_WIRE_BIT);
}

/* false: no such decimal; it then comes as text, which is how the protocol carries it anyway. */
static bool decimal_type(int64_t precision, int64_t scale, rvi_my_type *out)
{
    *out = of_id(RV_TYPE_STRING, RV_FIDELITY_LOGICAL_STRING, RVI_MY_WIRE_TEXT);
    if (precision < 1 || precision > DECIMAL_PRECISION_MAX || scale < 0 || scale > precision)
        return false;
    *out = of_id(RV_TYPE_DECIMAL, RV_FIDELITY_EXACT, RVI_MY_WIRE_DECIMAL);
    out->natural.precision = (uint8_t)precision;
    out->natural.scale = (uint8_t)scale;
    return true;
}

/* A text that should be JSON, though nobody has made sure for every row: MariaDB checks when a row is written, unless
 * check_constraint_checks is off. */
static rvi_my_type claimed_json(void)
{
    rvi_my_type type = of_id(RV_TYPE_JSON, RV_FIDELITY_EXACT, RVI_MY_WIRE_TEXT);
    type.loose = true;
    return type;
}

/* Is '' among the labels of "enum('a','')"? If not, a '' is the server's mark for a value that was none of them. */
static bool has_empty_label(const char *column_type)
{
    const char *at = strchr(column_type, '(');
    while (at != NULL && *at != '\0' && *at != ')') {
        if (at[1] != '\'')
            return false;
        const char *label = at + 2, *end = label;
        while (*end != '\0' && (end[0] != '\'' || end[1] == '\''))
            end += end[0] == '\'' ? 2 : 1;
        if (end == label)
            return true;
        at = *end == '\0' ? NULL : end + 1;
    }
    return false;
}

bool rvi_my_native_type(const rvi_my_native *native, rvi_my_type *out)
{
    const char *name = native->data_type;
    for (size_t i = 0; i < sizeof integer_types / sizeof *integer_types; i++) {
        if (strcmp(integer_types[i].name, name) != 0)
            continue;
        bool is_truth = strcmp(native->column_type, "tinyint(1)") == 0;
        *out = is_truth ? truth_type()
                        : integer_type(&integer_types[i], strstr(native->column_type, " unsigned") != NULL);
        return true;
    }
    if (strcmp(name, "bit") == 0) {
        *out = bit_type(native->precision);
        return true;
    }
    if (strcmp(name, "decimal") == 0) {
        decimal_type(native->precision, native->scale, out);
        return true;
    }
    if (strcmp(name, "longtext") == 0 && native->json_check) {
        *out = claimed_json();
        return true;
    }
    if (!plain_type(name, out)) {
        *out = of_id(RV_TYPE_STRING, RV_FIDELITY_LOGICAL_STRING, RVI_MY_WIRE_TEXT);
        out->cast = cast_to_text;
        return false;
    }
    if (strcmp(name, "enum") == 0)
        out->loose = !has_empty_label(native->column_type);
    return true;
}

/* ---- a result's columns ---- */

static bool is_unsigned(const MYSQL_FIELD *field)
{
    return (field->flags & UNSIGNED_FLAG) != 0;
}

/* MariaDB says more of a column than the protocol's type: "uuid", "json". */
static bool attribute_is(const MYSQL_FIELD *field, enum mariadb_field_attr_t which, const char *word)
{
    MARIADB_CONST_STRING found = {0};
    if (mariadb_field_attr(&found, field, which) != 0 || found.str == NULL)
        return false;
    return found.length == strlen(word) && memcmp(found.str, word, found.length) == 0;
}

/* Whatever comes as length-encoded bytes. */
static rvi_my_type string_type(const MYSQL_FIELD *field)
{
    static const char *const named[] = {"uuid", "inet4", "inet6"};
    rvi_my_type type;
    if ((field->flags & (ENUM_FLAG | SET_FLAG)) != 0 || field->type == MYSQL_TYPE_ENUM ||
        field->type == MYSQL_TYPE_SET)
        return of_id(RV_TYPE_ENUM, RV_FIDELITY_COMPATIBLE, RVI_MY_WIRE_TEXT);
    if (field->charsetnr == CHARSET_BINARY)
        return of_id(RV_TYPE_BINARY, RV_FIDELITY_EXACT, RVI_MY_WIRE_BINARY);
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        if (attribute_is(field, MARIADB_FIELD_ATTR_DATA_TYPE_NAME, named[i]) && plain_type(named[i], &type))
            return type;
    if (attribute_is(field, MARIADB_FIELD_ATTR_FORMAT_NAME, "json"))
        return claimed_json();
    return of_id(RV_TYPE_STRING, RV_FIDELITY_EXACT, RVI_MY_WIRE_TEXT);
}

/* The protocol gives a decimal's width as it is printed. Spec: my_decimal.h, my_decimal_precision_to_length(). */
static int64_t decimal_precision(const MYSQL_FIELD *field)
{
    int64_t width = field->length <= INT32_MAX ? (int64_t)field->length : 0;
    return width - (field->decimals > 0) - !is_unsigned(field);
}

static bool is_integer(const MYSQL_FIELD *field, rvi_my_type *out)
{
    for (size_t i = 0; i < sizeof integer_types / sizeof *integer_types; i++) {
        if (integer_types[i].code != field->type)
            continue;
        bool is_truth = field->type == MYSQL_TYPE_TINY && field->length == 1 && !is_unsigned(field);
        *out = is_truth ? truth_type() : integer_type(&integer_types[i], is_unsigned(field));
        return true;
    }
    return false;
}

/* The name in plain_types of a type that the protocol tells apart by its code alone; NULL: another. */
static const char *name_of_code(int code)
{
    switch (code) {
    case MYSQL_TYPE_YEAR:
        return "year";
    case MYSQL_TYPE_FLOAT:
        return "float";
    case MYSQL_TYPE_DOUBLE:
        return "double";
    case MYSQL_TYPE_DATE:
    case MYSQL_TYPE_NEWDATE:
        return "date";
    case MYSQL_TYPE_TIME:
    case MYSQL_TYPE_TIME2:
        return "time";
    case MYSQL_TYPE_DATETIME:
    case MYSQL_TYPE_DATETIME2:
        return "datetime";
    case MYSQL_TYPE_TIMESTAMP:
    case MYSQL_TYPE_TIMESTAMP2:
        return "timestamp";
    case MYSQL_TYPE_JSON: /* utf8mb4, whatever character set is given for it */
        return "json";
    case MYSQL_TYPE_GEOMETRY:
        return "geometry";
    case TYPE_VECTOR:
        return "vector";
    default:
        return NULL;
    }
}

bool rvi_my_result_type(const MYSQL_FIELD *field, rvi_my_type *out)
{
    const char *name = name_of_code((int)field->type);
    if (name != NULL)
        return plain_type(name, out);
    if (is_integer(field, out))
        return true;
    switch ((int)field->type) {
    case MYSQL_TYPE_BIT:
        *out = bit_type((int64_t)field->length);
        return true;
    case MYSQL_TYPE_DECIMAL:
    case MYSQL_TYPE_NEWDECIMAL:
        decimal_type(decimal_precision(field), field->decimals, out);
        return true;
    case MYSQL_TYPE_VARCHAR:
    case MYSQL_TYPE_VAR_STRING:
    case MYSQL_TYPE_STRING:
    case MYSQL_TYPE_TINY_BLOB:
    case MYSQL_TYPE_MEDIUM_BLOB:
    case MYSQL_TYPE_LONG_BLOB:
    case MYSQL_TYPE_BLOB:
    case MYSQL_TYPE_ENUM:
    case MYSQL_TYPE_SET:
        *out = string_type(field);
        return true;
    case MYSQL_TYPE_NULL: /* SELECT NULL */
        *out = of_id(RV_TYPE_STRING, RV_FIDELITY_EXACT, RVI_MY_WIRE_TEXT);
        return true;
    default:
        *out = of_id(RV_TYPE_STRING, RV_FIDELITY_LOGICAL_STRING, RVI_MY_WIRE_TEXT);
        return false;
    }
}

/* Where the wire form is the same, the type still decides how these are read; all others are bytes or integers that
 * mean the same under any type. */
static bool type_matters(rvi_my_wire wire)
{
    return wire == RVI_MY_WIRE_BIT || wire == RVI_MY_WIRE_DECIMAL || wire == RVI_MY_WIRE_DATETIME;
}

bool rvi_my_type_arrives(const rvi_my_type *type, const MYSQL_FIELD *field)
{
    rvi_my_type now;
    rvi_my_result_type(field, &now);
    if (now.wire != type->wire)
        /* Text that comes without a character set is looked at as closely as any other. */
        return now.wire == RVI_MY_WIRE_BINARY && type->wire == RVI_MY_WIRE_TEXT;
    return !type_matters(now.wire) || rv_type_equal(now.natural, type->natural);
}

void rvi_my_set_field_type(rv_field *field, const rvi_my_type *type, int32_t mod)
{
    field->natural = type->natural;
    field->type = type->natural;
    field->fidelity = type->fidelity;
    field->loose = type->loose;
    field->native_id = (uint32_t)type->wire | (type->cast != NULL ? FIELD_CAST : 0);
    field->native_mod = mod;
}

rvi_my_type rvi_my_field_type(const rv_field *field)
{
    uint32_t wire = field->native_id & FIELD_WIRE_MASK;
    return (rvi_my_type){
        .natural = field->natural,
        .fidelity = field->fidelity,
        .wire = wire < RVI_MY_WIRE_COUNT ? (rvi_my_wire)wire : RVI_MY_WIRE_TEXT,
        .cast = (field->native_id & FIELD_CAST) != 0 ? cast_to_text : NULL,
        .loose = field->loose,
    };
}

/* ---- names ---- */

/* Binary and text share the protocol's types; the character set tells which. */
static const char *name_of_bytes(const MYSQL_FIELD *field)
{
    bool binary = field->charsetnr == CHARSET_BINARY;
    switch ((int)field->type) {
    case MYSQL_TYPE_NULL:
        return "null";
    case MYSQL_TYPE_STRING:
        return binary ? "binary" : "char";
    case MYSQL_TYPE_VARCHAR:
    case MYSQL_TYPE_VAR_STRING:
        return binary ? "varbinary" : "varchar";
    default:
        return binary ? "blob" : "text";
    }
}

static const char *attribute_name(const MYSQL_FIELD *field)
{
    static const char *const named[] = {"uuid", "inet4", "inet6"};
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        if (attribute_is(field, MARIADB_FIELD_ATTR_DATA_TYPE_NAME, named[i]))
            return named[i];
    if (attribute_is(field, MARIADB_FIELD_ATTR_FORMAT_NAME, "json"))
        return "json";
    return (field->flags & ENUM_FLAG) != 0 ? "enum" : (field->flags & SET_FLAG) != 0 ? "set" : NULL;
}

void rvi_my_result_name(char out[RVI_MY_NAME_BYTES], const MYSQL_FIELD *field)
{
    const char *name = name_of_code((int)field->type), *sign = is_unsigned(field) ? " unsigned" : "";
    bool timed = field->decimals > 0 && field->decimals < UNKNOWN_DECIMALS;
    rvi_my_type type;
    for (size_t i = 0; i < sizeof integer_types / sizeof *integer_types; i++)
        if (integer_types[i].code == field->type)
            name = integer_types[i].name;
    rvi_my_result_type(field, &type);
    if (type.natural.id == RV_TYPE_DECIMAL)
        snprintf(out, RVI_MY_NAME_BYTES, "decimal(%u,%u)%s", type.natural.precision, type.natural.scale,
                 sign);
    else if (field->type == MYSQL_TYPE_BIT)
        snprintf(out, RVI_MY_NAME_BYTES, "bit(%lu)", field->length);
    else if (type.natural.id == RV_TYPE_BOOL)
        snprintf(out, RVI_MY_NAME_BYTES, "tinyint(1)");
    else if (timed && (type.wire == RVI_MY_WIRE_TIME || type.wire == RVI_MY_WIRE_DATETIME))
        snprintf(out, RVI_MY_NAME_BYTES, "%s(%u)", name, field->decimals);
    else if (name != NULL)
        snprintf(out, RVI_MY_NAME_BYTES, "%s%s", name, type.wire == RVI_MY_WIRE_INT2 ? "" : sign);
    else if (attribute_name(field) != NULL)
        snprintf(out, RVI_MY_NAME_BYTES, "%s", attribute_name(field));
    else
        snprintf(out, RVI_MY_NAME_BYTES, "%s", name_of_bytes(field));
}
