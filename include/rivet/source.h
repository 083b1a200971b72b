/* rivet/source.h - the database we read: one vtable, one wrapper per slot, one conformance suite.
 *
 * Life of a source: open, describe, begin, { scan_open, scan_next …, scan_close } …, end, close. A chunk of an
 * export is one scan; a page is what one rv_scan_next() returns, and it is returned only after the protocol's own
 * terminator was seen and its row count equals the rows decoded: a cut connection never looks like the end of data.
 * (A stream whose rows suddenly grow may hand on a statement's rows in several pages; the count is then checked with
 * the last of them, and until it agrees the scan cannot end.)
 *
 * Every call on one source is made by one thread at a time (it may be handed over), except rv_source_interrupt().
 * After a failure the source is good for nothing but end and close, unless the error's retry class is
 * RV_RETRY_SAME or RV_RETRY_SMALLER: then the scan stands where it stood and may be asked again. */
#ifndef RIVET_SOURCE_H
#define RIVET_SOURCE_H

#include "rivet/batch.h"
#include "rivet/bounds.h"
#include "rivet/cancel.h"
#include "rivet/config.h"

typedef struct rv_source rv_source;
typedef struct rv_scan rv_scan;

/* What a driver can do; the planner asks this table and never who the driver is. */
enum {
    RV_SOURCE_CAP_PHYSICAL = 1u << 0, /* may offer rv_relation_info.physical: ranges in storage order */
    RV_SOURCE_CAP_STREAM = 1u << 1,   /* reads any relation as one ordered stream of pages */
    RV_SOURCE_CAP_SNAPSHOT = 1u << 2, /* begin() with snapshot: all scans until end() see one point in time */
    RV_SOURCE_CAP_INTERRUPT = 1u << 3, /* the interrupt slot is set */
    RV_SOURCE_CAP_KEYS = 1u << 4,      /* reads along keys and within ranges; key_ends and split are set */
    RV_SOURCE_CAP_SHARED_SNAPSHOT =
        1u << 5,                      /* share_snapshot is set: several sources may see one point in time */
    RV_SOURCE_CAP_HISTORY = 1u << 6,  /* horizon is set: ranges may have a history */
    RV_SOURCE_CAP_PRESSURE = 1u << 7, /* pressure is set */
    RV_SOURCE_CAP_ALIGNED_SNAPSHOT =
        1u << 8, /* begin_aligned is set: sources that begin together may see one point in time */
    RV_SOURCE_CAP_SETTLE = 1u << 9,       /* settle is set: others' writes can be waited for */
    RV_SOURCE_CAP_LONG_STREAM = 1u << 10, /* a stream is one statement, however many pages it is read in */
};

typedef struct rv_server_info {
    char product[32];    /* "PostgreSQL" */
    char version[64];    /* as the server spells it: "15.8" */
    int version_number;  /* the driver's own scale: PostgreSQL 150008 */
    bool tls;            /* the connection is encrypted */
    char tls_detail[96]; /* "TLSv1.3, certificate verified for db1"; "" without TLS */
    bool pooled;         /* behind a transaction pooler, as far as can be told */
} rv_server_info;

/* Ranges in the order in which the source stores the rows. Units are the driver's: blocks, row ids. */
typedef struct rv_physical {
    bool available;
    const char *strategy; /* "ctid", "rowid": for plan, manifest and summary */
    const char *unit;     /* "block", "rowid" */
    const char *why_not;  /* when not available: in words for the user */
    int64_t first, last;  /* inclusive; first > last: no rows */
    bool needs_snapshot;  /* ranges are only correct when all of them are read under one snapshot */
} rv_physical;

/* An index that pages or ranges can use: valid, visible, over whole columns and all rows. */
typedef struct rv_index {
    const char *name;
    rv_key key;    /* its leading columns, up to RV_MAX_KEY_COLUMNS; the directions in which it sorts */
    bool complete; /* the key has all of its columns */
    bool unique;   /* and no two rows are equal in all of them, at any moment (not deferrable) */
    bool not_null; /* none of the key's columns can be NULL */
    bool primary;
    double correlation; /* of its first column's order with the storage order, -1 to 1; 0: none, or unknown */
} rv_index;

/* A leaf of a partitioned table: what holds the rows. */
typedef struct rv_leaf {
    const char *schema, *table;
    int64_t est_rows, est_bytes; /* -1: unknown */
    rv_physical physical;
} rv_leaf;

typedef struct rv_relation_info {
    rv_schema schema;      /* natural types; in the arena given to describe */
    const char *kind;      /* "table", "view", "partitioned table", "query" … for messages */
    const char *namespace; /* the schema it was found in; NULL for a query */
    int64_t est_rows;      /* from statistics; -1: unknown, never 0 for unknown */
    int64_t est_bytes;     /* with out-of-line storage; -1: unknown */
    rv_physical physical;
    const rv_index *indexes; /* the primary key first; none for a query or a view */
    int n_indexes;
    const rv_leaf *leaves; /* of a partitioned table whose leaves can all be read by themselves */
    int n_leaves;
    bool row_security; /* row-level security would hide rows from this user */
    bool history;      /* CAP_HISTORY: rows tell which transaction wrote them: ranges may have a history */
} rv_relation_info;

/* Can pages go along this index: does every row have exactly one place in it? */
static inline bool rv_index_is_key(const rv_index *index)
{
    return index->complete && index->unique && index->not_null;
}

typedef struct rv_read_options {
    bool snapshot;                /* one point in time until end() */
    const char *shared_snapshot;  /* with `snapshot`: the one that share_snapshot() named; NULL: a new one */
    int64_t statement_timeout_ms; /* 0: none */
    int64_t lock_timeout_ms;      /* 0: none */
    int64_t idle_timeout_ms;      /* how long the server may let our transaction idle; 0: no limit */
    bool accept_row_security;     /* read what row-level security leaves */
} rv_read_options;

/* What it points to outlives the scan. */
typedef struct rv_scan_request {
    const rv_relation *relation;
    const rv_relation_info *info;
    const rv_schema *schema; /* resolved; its fields are read in this order */
    rv_bounds bounds;
    const rv_key_value *after; /* KEY: go on strictly after this place of bounds.key; NULL, or a place
                                  that is none: from the beginning. Drivers never see the latter */
    uint64_t max_value_bytes;  /* 0: no limit; checked before a value is copied */
} rv_scan_request;

/* The ends of a key's order among the rows of some ranges. */
typedef struct rv_key_ends {
    bool empty; /* no row has a value */
    bool has_null;
    rv_key_value first, last; /* in key order; in the arena */
} rv_key_ends;

/* What the source suffers, as far as this user may see it. Only what others cause or endure: nothing in it grows
 * because an export reads. -1: cannot be read. */
typedef struct rv_pressure {
    int64_t lock_waits;      /* sessions of others that wait for a lock */
    int64_t active_sessions; /* sessions of others that run a statement */
    int64_t max_sessions;    /* what the server allows altogether */
    int64_t replica_lag_ms;  /* of the slowest attached replica, or of this replica itself */
} rv_pressure;

typedef struct rv_page_limits {
    int64_t units;    /* how much one statement should cover, in the scan's own unit (>= 1) */
    int64_t max_rows; /* 0: no limit; exact for scans whose unit is rows */
    size_t
        max_bytes; /* of decoded content; the driver gives up the statement rather than pass it: see below */
} rv_page_limits;

/* The most rows of a page whose unit is rows. */
static inline int64_t rv_page_rows(const rv_page_limits *limits)
{
    return limits->max_rows > 0 && limits->max_rows < limits->units ? limits->max_rows : limits->units;
}

typedef struct rv_page {
    int64_t units;        /* covered by this statement */
    int64_t statement_us; /* from sending the statement to its terminator */
    uint64_t wire_bytes;  /* received for it */
    bool end;             /* the scan is exhausted; this page may still hold rows */
} rv_page;

typedef struct rv_table_entry {
    const char *schema, *name, *kind;
    int64_t est_rows, est_bytes; /* -1: unknown */
} rv_table_entry;
typedef rv_code (*rv_table_fn)(void *context, const rv_table_entry *entry, rv_error *err);

/* What a driver implements. One const table per driver, no driver state in it. Call through rv_source_*(). */
typedef struct rv_source_ops {
    const char *kind; /* value of source.type: "postgres" */
    uint32_t caps;
    int default_port; /* 0: none */

    /* Connects within cfg->connect_timeout_s; `cfg` outlives the source. SOURCE_AUTH, SOURCE_CONNECT, SOURCE_TLS, SOURCE_BUSY, CANCELLED. */
    rv_code (*open)(rv_source **out, const rv_source_config *cfg, rv_cancel *cancel, rv_error *err);
    rv_code (*server)(rv_source *src, rv_server_info *out, rv_error *err);
    /* Catalog only: no scan, no COUNT(*). SOURCE_NOT_FOUND, SOURCE_DENIED, SOURCE_QUERY. */
    rv_code (*describe)(rv_source *src, const rv_relation *relation, rv_arena *arena, rv_relation_info *out,
                        rv_error *err);
    /* Tables and views of one schema (NULL: the source's default), by name. Strings live during the call. */
    rv_code (*list)(rv_source *src, const char *schema, rv_table_fn fn, void *context, rv_error *err);

    rv_code (*begin)(rv_source *src, const rv_read_options *options, rv_error *err);
    void (*end)(rv_source *src); /* also after failure; leaves nothing behind on a pooled session */

    /* At most one scan is open on a source. */
    rv_code (*scan_open)(rv_scan **out, rv_source *src, const rv_scan_request *request, rv_error *err);
    /* Runs one statement and appends its rows to `out` (empty on entry). A page that would pass max_bytes is
     * given up and fails with LIMIT_EXCEEDED and RV_RETRY_SMALLER, except when units is already 1. `page` is zeroed on
     * entry; what a failure leaves in it and in `out` reaches nobody. */
    rv_code (*scan_next)(rv_scan *scan, const rv_page_limits *limits, rv_batch *out, rv_page *page,
                         rv_error *err);
    void (*scan_close)(rv_scan *scan); /* NULL is fine */
    /* CAP_KEYS: where a KEY scan stands: its last delivered row's place; n 0: nothing delivered yet. Any time until
     * scan_close(), also after a failure. Into the arena. Fails OUT_OF_MEMORY. */
    rv_code (*scan_position)(rv_scan *scan, rv_arena *arena, rv_key_value *out, rv_error *err);

    /* CAP_KEYS; between begin() and end(), no scan open. The first and the last value of `key` (one column, or
     * COALESCE(column, fallback)) among the rows in all `within`. Cheap where an index leads with the column; a
     * scan of the relation otherwise, so the planner asks only when there is no other way. */
    rv_code (*key_ends)(rv_source *src, const rv_relation *relation, const rv_relation_info *info,
                        const rv_key *key, const char *fallback, const rv_range *const *within, int n_within,
                        rv_arena *arena, rv_key_ends *out, rv_error *err);
    /* CAP_KEYS: up to n - 1 places, strictly ascending in the order of `index`, strictly between its ends, that cut
     * its rows into about n equal parts, as far as statistics and a few descents of the index tell; *n_out 0: nothing
     * is known. Bounded work whatever the table's size; never a scan. */
    rv_code (*split)(rv_source *src, const rv_relation *relation, const rv_relation_info *info,
                     const rv_index *index, int64_t n, rv_arena *arena, rv_key_value *out, int64_t *n_out,
                     rv_error *err);
    /* CAP_HISTORY, between begin() and end(): the mark before which everything is decided: every transaction before
     * it has ended, and what it wrote is seen by this source's reads. *held_since_us: since when (UNIX time) the
     * oldest open transaction holds it back; 0: nothing does. */
    rv_code (*horizon)(rv_source *src, rv_arena *arena, const char **out, int64_t *held_since_us,
                       rv_error *err);
    /* CAP_SHARED_SNAPSHOT: a name under which other sources can join the snapshot that begin() took, as long as this
     * one holds it. Into the arena. */
    rv_code (*share_snapshot)(rv_source *src, rv_arena *arena, const char **out, rv_error *err);
    /* CAP_ALIGNED_SNAPSHOT, outside of begin() and end(), on two sources of one configuration or more: begin() for all
     * of them, with options->snapshot, and all see one point in time. *why_not NULL: they do. Otherwise, in words for
     * the user (static): nothing proves that they would, and none of them has begun. Bounded in time; takes no locks.
     * After a failure all of them are good for nothing but close. */
    rv_code (*begin_aligned)(rv_source *const *sources, int n, const rv_read_options *options,
                             const char **why_not, rv_error *err);
    /* CAP_SETTLE, between begin() and end(), no scan open: waits, at most timeout_ms, until every statement and every
     * transaction of others that was under way when it was called, and that has written or may be writing, has ended.
     * What they wrote is decided then, for a snapshot that is taken afterwards. *open_since_us: 0: all of them have
     * ended; UNIX time: when the oldest of the others began; -1: this user may not see what others do. What could be
     * seen and is not, because the server shows only what was some time ago, fails with SOURCE_BUSY: nobody may take
     * the past for the present. To see anything at all may take a few seconds more than timeout_ms. */
    rv_code (*settle)(rv_source *src, int64_t timeout_ms, int64_t *open_since_us, rv_error *err);
    /* CAP_PRESSURE, outside of begin() and end(), on a source of its own. */
    rv_code (*pressure)(rv_source *src, rv_pressure *out, rv_error *err);

    void (*interrupt)(rv_source *src); /* makes a blocked call return CANCELLED soon; any thread */
    void (*close)(rv_source *src);     /* NULL is fine; never fails */
} rv_source_ops;

/* First members of every driver's own structs; filled by the wrappers. */
struct rv_source {
    const rv_source_ops *ops;
    rv_cancel *cancel;
};
struct rv_scan {
    rv_source *source;
    const char *unit; /* what rv_page_limits.units counts: "block", "row" */
};

/* The registry. NULL: no such driver in this build. */
const rv_source_ops *rv_source_driver(const char *kind);
const rv_source_ops *const *rv_source_drivers(size_t *n);

rv_code rv_source_open(rv_source **out, const rv_source_config *cfg, rv_cancel *cancel,
                       rv_error *err) RV_MUST_CHECK;
rv_code rv_source_server(rv_source *src, rv_server_info *out, rv_error *err) RV_MUST_CHECK;
rv_code rv_source_describe(rv_source *src, const rv_relation *relation, rv_arena *arena,
                           rv_relation_info *out, rv_error *err) RV_MUST_CHECK;
rv_code rv_source_list(rv_source *src, const char *schema, rv_table_fn fn, void *context,
                       rv_error *err) RV_MUST_CHECK;
rv_code rv_source_begin(rv_source *src, const rv_read_options *options, rv_error *err) RV_MUST_CHECK;
void rv_source_end(rv_source *src);
rv_code rv_scan_open(rv_scan **out, rv_source *src, const rv_scan_request *request,
                     rv_error *err) RV_MUST_CHECK;
rv_code rv_scan_next(rv_scan *scan, const rv_page_limits *limits, rv_batch *out, rv_page *page,
                     rv_error *err) RV_MUST_CHECK;
void rv_scan_close(rv_scan *scan);
/* The slots above, for sources whose caps have them; SOURCE_UNSUPPORTED otherwise. */
rv_code rv_scan_position(rv_scan *scan, rv_arena *arena, rv_key_value *out, rv_error *err) RV_MUST_CHECK;
rv_code rv_source_key_ends(rv_source *src, const rv_relation *relation, const rv_relation_info *info,
                           const rv_key *key, const char *fallback, const rv_range *const *within,
                           int n_within, rv_arena *arena, rv_key_ends *out, rv_error *err) RV_MUST_CHECK;
rv_code rv_source_split(rv_source *src, const rv_relation *relation, const rv_relation_info *info,
                        const rv_index *index, int64_t n, rv_arena *arena, rv_key_value *out, int64_t *n_out,
                        rv_error *err) RV_MUST_CHECK;
rv_code rv_source_horizon(rv_source *src, rv_arena *arena, const char **out, int64_t *held_since_us,
                          rv_error *err) RV_MUST_CHECK;
rv_code rv_source_share_snapshot(rv_source *src, rv_arena *arena, const char **out,
                                 rv_error *err) RV_MUST_CHECK;
rv_code rv_source_begin_aligned(rv_source *const *sources, int n, const rv_read_options *options,
                                const char **why_not, rv_error *err) RV_MUST_CHECK;
rv_code rv_source_settle(rv_source *src, int64_t timeout_ms, int64_t *open_since_us,
                         rv_error *err) RV_MUST_CHECK;
rv_code rv_source_pressure(rv_source *src, rv_pressure *out, rv_error *err) RV_MUST_CHECK;
void rv_source_interrupt(rv_source *src);
void rv_source_close(rv_source *src);
RV_DEFINE_AUTO(rv_source, rv_source_close)
RV_DEFINE_AUTO(rv_scan, rv_scan_close)

#endif
