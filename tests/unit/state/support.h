/* tests/unit/state/support.h - a store of its own for each test, a clock that a test moves, and a run to record.
 *
 * The store is an SQLite file, or, where RIVET_STATE_BACKEND is "postgres", a schema in a database of this process on
 * the server that RIVET_TEST_PG_URL names. */
#ifndef TESTS_STATE_SUPPORT_H
#define TESTS_STATE_SUPPORT_H

#include "state/internal.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct hand_clock {
    rv_clock base; /* first: the callbacks get a pointer to it */
    int64_t now_us;
} hand_clock;

enum { LEASE_MS = 60000, BUSY_MS = 20, N_CHUNKS = 3 };
#define T0_US INT64_C(1795253400000000) /* 2026-11-21T09:30:00Z */

typedef struct fixture fixture;
typedef struct test_backend {
    const rv_state_ops *ops;
    char *(*make)(fixture *f); /* an empty store; returns its location, which the fixture frees */
    int64_t (*ask)(fixture *f, const char *sql);
    void (*tell)(fixture *f, const char *sql);
} test_backend;
extern const test_backend sqlite_backend, postgres_backend;

struct fixture {
    const test_backend *backend;
    char *folder, *path; /* path: the store's location, a file or a URL */
    hand_clock clock;
    rv_owner self;    /* this process: alive */
    rv_owner dead;    /* a process of this boot that is gone */
    rv_owner foreign; /* of another machine: only its lease is known */
};

/* cmocka's set-up and tear-down: *state is a fixture. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* Open the fixture's store, or fail the test. BUSY_MS instead of the product's patience. */
rv_state *open_store(fixture *f, rv_state_access access);
rv_code try_open(fixture *f, rv_state_access access, rv_state **out, rv_error *err);

rv_run_plan plan_of(const char *run_id, const char *export_name);
/* N_CHUNKS of ten units each. */
void make_chunks(rv_chunk chunks[N_CHUNKS]);
rv_part part_of(int64_t chunk_index, const char *name, int64_t rows);
rv_run_result result_of(const char *run_id, rv_run_status status);

/* Start the run, or fail the test. */
void start_run(fixture *f, rv_state *state, const char *run_id, const char *export_name,
               const rv_owner *owner);
/* rv_state_claim_chunk() and rv_state_complete_chunk() in few words; bounds lie in an arena of the fixture's. */
rv_code claim_chunk(rv_state *state, const char *run_id, const rv_owner *owner, rv_chunk *out, bool *found,
                    rv_error *err);
rv_code complete_chunk(rv_state *state, const char *run_id, const rv_owner *owner, const rv_chunk *claimed,
                       int64_t rows, const rv_part *parts, int64_t n_parts, rv_error *err);
/* Claim and complete what is pending, one part of ten rows each; returns how many chunks that were. */
int read_chunks(rv_state *state, const char *run_id, const rv_owner *owner);

/* Start a run of one chunk, of "orders", and bring it to its success. */
void succeed(fixture *f, rv_state *state, const char *run_id, const char *schema_json);

/* What a listing's callback met, in order. */
enum { MAX_SEEN = 32 };
typedef struct seen {
    int n;
    char text[MAX_SEEN][64];
} seen;
void see(seen *all, const char *text);
void assert_seen(const seen *all, int n, const char *const *expected);
#define ASSERT_SEEN(all, ...)                                                         \
    do {                                                                              \
        const char *const expected_[] = {__VA_ARGS__};                                \
        assert_seen((all), (int)(sizeof expected_ / sizeof expected_[0]), expected_); \
    } while (0)

/* One number (or truth) from SQL over the store, by a connection of its own; SQL that changes it. */
int64_t ask(fixture *f, const char *sql);
void tell(fixture *f, const char *sql);

/* A file that SQLite finds sound; other stores look after themselves. */
void assert_sound(fixture *f);
/* cmocka_run_group_tests_name(), where the chosen backend can be had; 77, for "skipped", where not. */
#define run_state_tests(name, tests) \
    (backend_is_missing() ? 77 : cmocka_run_group_tests_name((name), (tests), NULL, backend_group_teardown))
bool backend_is_missing(void);
int backend_group_teardown(void **state);

#define test_with_store(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

#endif
