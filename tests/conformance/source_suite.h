/* source_suite.h - one suite for every source driver, and what a driver tells it about itself.
 *
 * Fixtures are made behind the driver's back, through the database's own client library, so that the
 * driver is never its own judge. Differences between databases are data in suite_driver; no test asks
 * which driver it runs. */
#ifndef TESTS_CONFORMANCE_SOURCE_SUITE_H
#define TESTS_CONFORMANCE_SOURCE_SUITE_H

#include "rivet/config.h"
#include "rivet/source.h"

/* What every driver has a natural type for. */
typedef enum suite_type {
    SUITE_INT = 0,
    SUITE_FLOAT,
    SUITE_TEXT,
    SUITE_BLOB, /* as hex digits */
    SUITE_TYPES
} suite_type;

typedef struct suite_column {
    const char *name;
    const char *declared; /* in the driver's own words */
    bool not_null, key;
} suite_column;

/* Writes the literal of one cell, in the driver's own words. */
typedef void (*suite_literal_fn)(char *out, size_t size, int64_t row, int column, const void *context);

/* Columns by commas; those of them that sort downwards likewise, or NULL. */
typedef struct suite_index {
    const char *name, *columns, *descending;
    bool unique;
} suite_index;

typedef struct suite_table {
    const char *name;
    const suite_column *columns;
    int n_columns;
    int64_t n_rows;
    suite_literal_fn literal;
    const void *context;
    const suite_index *indexes; /* besides that of the primary key */
    int n_indexes;
} suite_table;

/* One of the driver's types, a value of it, and that value's canonical text (rv_column_text). */
typedef struct suite_typed {
    const char *declared, *literal, *text;
} suite_typed;

/* A value that its column can hold in the source and not in the batch. */
typedef struct suite_odd {
    const char *declared, *literal;
    rv_invalid invalid_class;
    rv_code code;        /* when it is refused */
    const char *clamped; /* canonical text of the nearest value */
    const char *good_literal, *good_text;
} suite_odd;

typedef struct suite_driver {
    const char *kind;
    const char *(*why_not)(void); /* NULL: it can be tested here; else why it is skipped */
    void (*setup)(void);
    void (*teardown)(void);
    void (*config)(rv_arena *arena, rv_source_config *out);
    void (*create)(const suite_table *table);
    /* The literal of a value given as text; NULL: of a NULL. */
    void (*literal)(char *out, size_t size, suite_type type, const char *text);
    /* "SELECT * FROM" the table. */
    void (*select_all)(char *out, size_t size, const char *table);
    void (*insert)(const char *table,
                   const char *literals); /* another session adds a row; NULL: cannot happen */

    const char *schema; /* where create() puts tables */
    const char *declared[SUITE_TYPES];
    const suite_typed *typed;
    int n_typed;
    suite_odd odd;
    rv_relation endless;            /* a relation whose first page never ends */
    const char *const *bad_queries; /* refused with SOURCE_QUERY; NULL-terminated */
    size_t max_name_bytes;          /* the longest name a table or column can have, or 128 */
    bool bmp_names;                 /* names hold no character above U+FFFF */
    const char *declared_key_text;  /* a text that an index holds whole; NULL: declared[SUITE_TEXT] is one */
    bool survives_failure;          /* a source can be read again after a scan failed for good */
} suite_driver;

extern const suite_driver suite_fake;
#ifdef SUITE_SQLITE
extern const suite_driver suite_sqlite;
#endif
#ifdef SUITE_POSTGRES
extern const suite_driver suite_postgres;
#endif
#ifdef SUITE_MYSQL
extern const suite_driver suite_mysql;
#endif

/* Run everything for one driver; the number of tests that failed. */
int suite_run(const suite_driver *driver);

/* source_fixtures.c. The tables:
 *   counted      ids 1 to SUITE_COUNTED_ROWS; every other cell follows from the id
 *   empty        the same columns, no rows
 *   every_type   a column for each suite_typed: its value, NULL, its value
 *   wide         SUITE_WIDE_ROWS rows with a text of SUITE_WIDE_VALUE_BYTES in column v
 *   odd          three rows, the second of which holds the suite_odd in column v
 * and one table for each hostile name and the longest one, with a column for each as well.
 * For keys and ranges there is, by itself,
 *   keyed        SUITE_KEYED_ROWS rows of suite_keyed_cell(), with the indexes keyed_ab (a, b), keyed_ba (b, a),
 *                keyed_mixed (a downwards, b), keyed_n (n, not unique) */
enum {
    SUITE_KEYED_COLUMNS = 5,
    SUITE_KEYED_ROWS = 600,
    SUITE_LITERAL_BYTES = 8192,
    SUITE_COUNTED_COLUMNS = 5,
    SUITE_COUNTED_ROWS = 3000,
    SUITE_WIDE_ROWS = 40,
    SUITE_WIDE_VALUE_BYTES = 3000,
    SUITE_ODD_ROWS = 3,
    SUITE_HOSTILE_NAMES = 16,
};
const char *suite_hostile_name(const suite_driver *driver, int i);
void suite_longest_name(const suite_driver *driver, char out[129]);
void suite_create_all(const suite_driver *driver);
void suite_create_counted(const suite_driver *driver, const char *name, int64_t n_rows);
void suite_create_keyed(const suite_driver *driver);
/* Column 0: id, the primary key; 1: a, some values often; 2: b, unique, a text; 3: n, every fourth one NULL; 4: m, every
 * eighth one NULL, where n is NULL too. Texts sort as their numbers do. `none`: the number of a NULL. */
int64_t suite_keyed_cell(int64_t row, int column, int64_t none);
/* The text of cell (row, column) of "counted"; "" for a NULL, which no other cell is. */
void suite_counted_text(char *out, size_t size, int64_t row, int column);

/* For drivers that speak SQL: CREATE TABLE and INSERTs for a table, names in double quotes, given to
 * `execute`. */
void suite_create_sql(const suite_table *table, const char *schema, void (*execute)(const char *sql));
/* CREATE INDEX for all of the table's, names behind the prefixes: some databases want the schema before the one, some
 * before the other. */
void suite_create_indexes_sql(const suite_table *table, const char *index_prefix, const char *table_prefix,
                              void (*execute)(const char *sql));
/* A name between double quotes, those within doubled. */
void suite_quote(char *out, size_t size, const char *name);
/* A text between single quotes, those within doubled. */
void suite_quote_text(char *out, size_t size, const char *text);

/* A literal, where bytes are written as X'00ff'; NULL: of a NULL. */
void suite_literal_sql(char *out, size_t size, suite_type type, const char *text);
/* SELECT * of a table, and INSERT into it, its name in double quotes behind `prefix`. */
void suite_select_sql(char *out, size_t size, const char *prefix, const char *table);
void suite_insert_sql(const char *prefix, const char *table, const char *literals,
                      void (*execute)(const char *sql));

/* For drivers of servers: the configuration in the URL that the environment's `variable` holds. Its password lives until
 * the next call, or until the suite is told to forget it. */
void suite_server_config(const char *variable, rv_arena *arena, rv_source_config *out);
void suite_server_forget(void);

#endif
