/* mysql/place.h - values of keys: how they are written down.
 *
 * The texts of key values are whole numbers ("17"), decimals, floats ("%.17g", which reads back exactly), dates and times
 * in ISO form, and for character strings the string itself if it is UTF-8 and its column is too. Everything else goes in
 * a form of this driver's own, which begins with RV_KEY_OWN_FORM: the bytes in hexadecimal, in the column's own character
 * set, or an ENUM's or SET's number. So a value goes back to the server exactly as it came, whatever the session's
 * character set is. */
#ifndef SOURCE_MYSQL_PLACE_H
#define SOURCE_MYSQL_PLACE_H

#include "internal.h"
#include "source/sql/place.h"

enum {
    RVI_MY_KEY_CELL_BYTES = RVI_MY_SQL_BYTES / 16
}; /* of one key column's text; several must fit one statement, twice */

typedef enum rvi_my_key_form {
    RVI_MY_KEY_NUMBER = 1, /* integers and BIT */
    RVI_MY_KEY_YEAR,       /* as a number, 0 would mean 2000 */
    RVI_MY_KEY_DECIMAL,
    RVI_MY_KEY_FLOAT,
    RVI_MY_KEY_DATE,    /* DATE and DATETIME */
    RVI_MY_KEY_INSTANT, /* TIMESTAMP, in a session at +00:00 */
    RVI_MY_KEY_TIME,    /* "-838:59:59.000000" */
    RVI_MY_KEY_LABEL,   /* ENUM and SET, which sort by number */
    RVI_MY_KEY_CHARS,   /* a string in the column's character set */
    RVI_MY_KEY_BYTES,
    RVI_MY_KEY_TEXT, /* what only the server reads: uuid, inet6, strings of a query */
} rvi_my_key_form;

/* How values of one column of a key are compared. */
typedef struct rvi_my_key_type {
    rvi_my_key_form form;
    const char *charset, *collation; /* CHARS: the column's own; plain ASCII names of the server's */
    int n_labels;                    /* LABEL: so many that they are compared one by one; 0: by number */
} rvi_my_key_type;

enum { RVI_MY_MAX_LABELS = 255 }; /* of an ENUM that an index can be read along */

/* What the catalog tells; character sets are still missing. false: values of the column have no order to go by. */
bool rvi_my_key_type_of(const rv_field *field, rvi_my_key_type *out);
/* The SQL around a column, "CAST(%s AS BINARY)", which makes a cell that tells a key's value exactly, and how that
 * arrives; NULL: the column by itself does. */
const char *rvi_my_key_cast(const rvi_my_key_type *type, rvi_my_wire *wire);
/* A cell's bytes as the text of a key value, appended to `out`. Fails SOURCE_PROTOCOL, OUT_OF_MEMORY.
 * Source: MySQL internals, "Binary Protocol Value". */
rv_code rvi_my_key_text(const rvi_my_key_type *type, rvi_my_wire wire, const rv_bytes *cell, rv_bytes *out,
                        rv_error *err) RV_MUST_CHECK;

/* Move to the key that was read last, rows->base.last_key; `types` has one for each column. Stays where it is on
 * failure: SOURCE_UNSUPPORTED when that is where it stands already, OUT_OF_MEMORY. */
rv_code rvi_my_place_advance(rvi_sql_place *place, const rvi_my_rows *rows, const rvi_my_key_type *types,
                             rv_error *err) RV_MUST_CHECK;

#endif
