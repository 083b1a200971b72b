/* rivet/schema.h - logical types, fields and schemas: what a column is, wherever it comes from.
 *
 * A source describes a relation as a schema with each field's natural type. The user's overrides and policies are
 * then resolved into it (rv_schema_resolve); from there on every layer reads the same immutable schema. */
#ifndef RIVET_SCHEMA_H
#define RIVET_SCHEMA_H

#include "rivet/arena.h"
#include "rivet/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Rivet's types. How each lies in memory is written in batch.h, how it lies in Parquet in docs. */
typedef enum rv_type_id {
    RV_TYPE_INVALID = 0,
    RV_TYPE_BOOL,
    RV_TYPE_INT16,
    RV_TYPE_INT32,
    RV_TYPE_INT64,
    RV_TYPE_UINT64,
    RV_TYPE_FLOAT32,
    RV_TYPE_FLOAT64,
    RV_TYPE_DECIMAL,      /* precision 1..76, scale 0..precision */
    RV_TYPE_DATE,         /* days since 1970-01-01 */
    RV_TYPE_TIME,         /* microseconds of the day, 0 .. 86399999999 */
    RV_TYPE_TIMESTAMP,    /* wall clock, microseconds since 1970-01-01 */
    RV_TYPE_TIMESTAMP_TZ, /* instant, microseconds since 1970-01-01 UTC */
    RV_TYPE_TIMESTAMP_NS, /* as above in nanoseconds: 1677-09-21 .. 2262-04-11 */
    RV_TYPE_TIMESTAMP_TZ_NS,
    RV_TYPE_STRING, /* valid UTF-8 */
    RV_TYPE_BINARY,
    RV_TYPE_JSON,     /* valid UTF-8; bytes as the source has them */
    RV_TYPE_UUID,     /* 16 bytes, RFC 4122 order */
    RV_TYPE_ENUM,     /* the label, UTF-8 */
    RV_TYPE_INTERVAL, /* ISO 8601 duration text */
    RV_TYPE_LIST,     /* of `element`; precision and scale then belong to the element */
    RV_TYPE_COUNT
} rv_type_id;

typedef struct rv_type {
    rv_type_id id;
    rv_type_id element;       /* RV_TYPE_LIST: a scalar type; else RV_TYPE_INVALID */
    uint8_t precision, scale; /* RV_TYPE_DECIMAL, or a list of it */
} rv_type;

/* How much of the source's type the file keeps. */
typedef enum rv_fidelity {
    RV_FIDELITY_EXACT = 0,
    RV_FIDELITY_COMPATIBLE,     /* same values under a wider or related type (enum, interval, list) */
    RV_FIDELITY_LOGICAL_STRING, /* the source's exact text */
    RV_FIDELITY_LOSSY,          /* only through an override that the user asked for */
} rv_fidelity;

/* Classes of values that a column's type may be unable to hold, and what to do with one. */
typedef enum rv_invalid {
    RV_INVALID_ZERO_DATE = 0, /* zero or partial dates (MySQL) */
    RV_INVALID_INFINITY,      /* ±infinity in dates, timestamps, decimals */
    RV_INVALID_NAN,           /* NaN in decimals */
    RV_INVALID_TIME,          /* time of day outside 00:00:00 .. 23:59:59.999999 */
    RV_INVALID_ENCODING,      /* text that is not UTF-8 */
    RV_INVALID_RANGE,         /* dates, timestamps, numbers outside the column's type */
    RV_INVALID_UNPARSEABLE,   /* a value that an override, or a declared type, cannot be read as */
    RV_INVALID_CLASSES
} rv_invalid;

typedef enum rv_policy {
    RV_POLICY_FAIL = 0,
    RV_POLICY_NULL,
    RV_POLICY_CLAMP, /* the nearest value that fits; where there is none (NaN, encoding) it fails */
    RV_POLICY_TEXT,  /* the whole column is exported as the source's exact text */
} rv_policy;

/* Who turns the source's value into the column's. */
typedef enum rv_transfer {
    RV_TRANSFER_NATIVE = 0, /* the driver decodes its own binary form into field.type */
    RV_TRANSFER_TEXT,       /* the driver delivers the exact text; rv_column_append_text() parses it */
} rv_transfer;

typedef struct rv_field {
    const char *name;        /* as the source spells it; UTF-8 */
    const char *native_type; /* as the source spells it, with modifiers: "numeric(10,2)" */
    rv_type natural;         /* what the driver maps it to by itself */
    rv_type type;            /* what the file gets; equals `natural` until resolved */
    const char *collation;   /* what its texts sort by, as the source names it; NULL: no text, or not told */
    bool nullable;           /* false only where the source guarantees it */
    bool is_key;             /* part of the primary key: names a row in messages */
    rv_fidelity fidelity;
    rv_transfer transfer;
    rv_policy on_invalid[RV_INVALID_CLASSES];
    uint32_t native_id; /* the driver's own numbers (PostgreSQL: type OID and typmod) */
    int32_t native_mod;
    int16_t ordinal; /* position in the relation, 1-based */
    bool loose;      /* the source does not hold values to `natural` (SQLite): any class can occur */
} rv_field;

typedef struct rv_schema {
    rv_field *fields; /* borrowed from an arena */
    int n_fields;
    const char *origin; /* "public.orders" or "query": names the relation in messages */
} rv_schema;

enum { RV_MAX_FIELDS = 4096 };

/* The field of that name, compared letter by letter as the source spells it; NULL: there is none. */
const rv_field *rv_schema_field(const rv_schema *schema, const char *name);
int rv_schema_index(const rv_schema *schema, const char *name); /* which one it is; -1: there is none */

/* One entry of `columns:` or a column's own `on_invalid:`. type.id INVALID: no override, policies only. */
typedef struct rv_column_override {
    const char *column;
    rv_type type;
    bool has_policy[RV_INVALID_CLASSES];
    rv_policy policy[RV_INVALID_CLASSES];
} rv_column_override;

typedef struct rv_schema_options {
    const rv_column_override *overrides;
    int n_overrides;
    rv_policy on_invalid[RV_INVALID_CLASSES]; /* the export's defaults */
    bool strict;                              /* refuse anything below COMPATIBLE */
} rv_schema_options;

/* Copy `source` into `arena` with overrides and policies applied. An override to another type than the natural
 * one is read through the source's exact text; RV_POLICY_TEXT on a class that the column's type can meet turns the
 * column into STRING; RV_POLICY_NULL (and a nullable override) makes a NOT NULL column nullable.
 * Fails CONFIG_VALUE (override of a column that does not exist, with "did you mean"; two columns of one name),
 * SCHEMA_STRICT, OUT_OF_MEMORY. */
rv_code rv_schema_resolve(rv_arena *arena, const rv_schema *source, const rv_schema_options *options,
                          rv_schema *out, rv_error *err) RV_MUST_CHECK;

/* Text of a type: "decimal(10,2)", "list<int32>"; returns length. */
enum { RV_TYPE_TEXT_BYTES = 48 };
size_t rv_type_text(char out[RV_TYPE_TEXT_BYTES], rv_type type);
/* The override grammar of the contract (2.7): int8|bigint, decimal(p,s), timestamp_tz …; false: not a type. */
bool rv_type_parse(const char *text, rv_type *out);
bool rv_type_equal(rv_type a, rv_type b);
rv_type rv_type_element(rv_type list);   /* the element of a list as a type of its own */
bool rv_type_is_text(rv_type_id id);     /* STRING JSON ENUM INTERVAL: UTF-8 with offsets */
bool rv_type_is_variable(rv_type_id id); /* the above and BINARY */
size_t rv_type_width(rv_type type);      /* bytes of a fixed-width value; 0 for BOOL, variable and LIST */
bool rv_type_can_meet(rv_type type, rv_invalid invalid_class);
const char *rv_fidelity_name(rv_fidelity fidelity); /* "exact", "logical_string" … */
const char *rv_policy_name(rv_policy policy);
bool rv_policy_parse(const char *text, rv_policy *out);
const char *rv_invalid_name(rv_invalid invalid_class); /* key under on_invalid: "infinity", "nan" … */
/* XXH3 over name, type, nullability and native type of every field, in order. */
uint64_t rv_schema_fingerprint(const rv_schema *schema);

/* Nearest of n candidates by edit distance, within max(2, length/3); NULL: none is near. */
const char *rv_did_you_mean(const char *word, const char *const *candidates, size_t n);

#endif
