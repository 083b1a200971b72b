/* postgres/place.h - the texts of key values, as literals take them, from a row's cells. */
#ifndef SOURCE_POSTGRES_PLACE_H
#define SOURCE_POSTGRES_PLACE_H

#include "internal.h"
#include "source/sql/place.h"

enum {
    RVI_PG_KEY_CELL_BYTES = RVI_PG_SQL_BYTES / 8
}; /* of one key column's text; several must fit one statement, twice */

/* How a key column arrives in a row. */
typedef enum rvi_pg_key_form {
    RVI_PG_KEY_TEXT = 0, /* the server's own text */
    RVI_PG_KEY_INT,      /* 2, 4 or 8 bytes */
    RVI_PG_KEY_OID,
    RVI_PG_KEY_UUID,
} rvi_pg_key_form;

/* Can a field that arrives like this tell the key's exact text? */
bool rvi_pg_key_form_of(const rvi_pg_type *type, rvi_pg_key_form *out);

/* Move to the key that was read last. Stays where it is on failure: SOURCE_UNSUPPORTED when that is where it stands
 * already, OUT_OF_MEMORY. */
rv_code rvi_pg_place_advance(rvi_sql_place *place, const rvi_sql_last_key *key, const rvi_pg_key_form *forms,
                             rv_error *err) RV_MUST_CHECK;

#endif
