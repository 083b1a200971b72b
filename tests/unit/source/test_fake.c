/* The scripted source plays what is written, and says where a script is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/fault.h"
#include "lib/temp_dir.h"
#include "rivet/batch.h"
#include "rivet/bytes.h"
#include "rivet/source.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct fixture {
    char *folder, *path;
    rv_arena *arena;
    rv_cancel *cancel;
    rv_source *source;
    rv_relation relation;
    rv_relation_info info;
    rv_scan *scan;
    rv_batch *batch;
    rv_page page;
    rv_error err;
} fixture;

static int setup(void **state)
{
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->folder = temp_dir_new();
    f->path = temp_dir_join(f->folder, "script");
    assert_int_equal(rv_arena_new(&f->arena, 1 << 20, NULL), RV_OK);
    assert_int_equal(rv_cancel_new(&f->cancel, NULL), RV_OK);
    *state = f;
    return 0;
}

static void close_source(fixture *f)
{
    rv_scan_close(f->scan);
    rv_batch_free(f->batch);
    rv_source_close(f->source);
    f->scan = NULL;
    f->batch = NULL;
    f->source = NULL;
}

static int teardown(void **state)
{
    fixture *f = *state;
    close_source(f);
    rv_cancel_free(f->cancel);
    rv_arena_free(f->arena);
    temp_dir_free(f->folder);
    free(f->path);
    free(f);
    return 0;
}

static void write_script(fixture *f, const char *script)
{
    close_source(f);
    temp_file_write(f->folder, "script", script, strlen(script));
}

static rv_code try_open(fixture *f)
{
    const rv_source_config config = {.kind = "fake", .path = f->path};
    return rv_source_open(&f->source, &config, f->cancel, &f->err);
}

static rv_code try_begin(fixture *f, int64_t statement_timeout_ms)
{
    const rv_read_options options = {.snapshot = true, .statement_timeout_ms = statement_timeout_ms};
    return rv_source_begin(f->source, &options, &f->err);
}

static rv_code try_scan_after(fixture *f, const char *table, rv_bounds bounds, const rv_key_value *after)
{
    f->relation = (rv_relation){.kind = RV_RELATION_TABLE, .table = table};
    RV_TRY(rv_source_describe(f->source, &f->relation, f->arena, &f->info, &f->err));
    RV_TRY(rv_batch_new(&f->batch, &f->info.schema, NULL, &f->err));
    const rv_scan_request request = {&f->relation, &f->info, &f->info.schema, bounds, after, 0};
    return rv_scan_open(&f->scan, f->source, &request, &f->err);
}

static rv_code try_scan(fixture *f, const char *table, rv_bounds bounds)
{
    return try_scan_after(f, table, bounds, NULL);
}

/* Open and begin, and open a scan of table t. */
static void play(fixture *f, const char *script, rv_bounds bounds)
{
    write_script(f, script);
    assert_int_equal(try_open(f), RV_OK);
    assert_int_equal(try_begin(f, 0), RV_OK);
    assert_int_equal(try_scan(f, "t", bounds), RV_OK);
}

static rv_code next(fixture *f, int64_t units)
{
    const rv_page_limits limits = {.units = units, .max_bytes = 1 << 20};
    rv_batch_reset(f->batch);
    return rv_scan_next(f->scan, &limits, f->batch, &f->page, &f->err);
}

static void assert_cell(const fixture *f, int column, int64_t row, const char *expected)
{
    char text[256] = "NULL";
    rv_bytes bytes = RV_BYTES_INIT(sizeof text - 1);
    if (!rv_column_is_null(&f->batch->columns[column], row)) {
        assert_int_equal(rv_column_text(&f->batch->columns[column], row, &bytes, NULL), RV_OK);
        snprintf(text, sizeof text, "%.*s", (int)bytes.len, bytes.len > 0 ? (const char *)bytes.data : "");
    }
    rv_bytes_deinit(&bytes);
    assert_string_equal(text, expected);
}

static const rv_bounds everything = {.kind = RV_BOUNDS_ALL};

static void literal_rows_are_played_as_written(void **state)
{
    fixture *f = *state;
    play(f,
         "# a comment\n"
         "server 9.9 pooled\n"
         "table t kind=view est_rows=12 # another\n"
         "\tcolumn id int64 not_null key\n"
         "column \"odd \\\"name\\\"\\n\" string native=\"varchar(9)\"\n"
         "column amount decimal(6,2)\n"
         "row 1 null 1.5\n"
         "row 2 \"null\" null\n"
         "row 3 \"a \\x41\\t\" -3\n",
         everything);
    rv_server_info server;
    assert_int_equal(rv_source_server(f->source, &server, NULL), RV_OK);
    assert_string_equal(server.version, "9.9");
    assert_true(server.pooled);
    assert_string_equal(f->info.kind, "view");
    assert_int_equal(f->info.est_rows, 12);
    assert_int_equal(f->info.est_bytes, -1);
    assert_false(f->info.schema.fields[0].nullable);
    assert_true(f->info.schema.fields[0].is_key);
    assert_string_equal(f->info.schema.fields[1].name, "odd \"name\"\n");
    assert_string_equal(f->info.schema.fields[1].native_type, "varchar(9)");
    assert_int_equal(next(f, 10), RV_OK);
    assert_int_equal(f->batch->rows, 3);
    assert_true(f->page.end);
    assert_cell(f, 1, 0, "NULL");
    assert_cell(f, 2, 0, "1.50");
    assert_cell(f, 1, 1, "null");
    assert_cell(f, 2, 1, "NULL");
    assert_cell(f, 1, 2, "a A\t");
}

static void generated_values_depend_on_row_and_column(void **state)
{
    fixture *f = *state;
    play(f,
         "table t\ncolumn a int64\ncolumn b int64 null_every=3\ncolumn c string bytes=40\ncolumn d "
         "list<int32>\n"
         "column e timestamp_tz\ncolumn f uuid\ncolumn g decimal(10,4)\ncolumn h binary\ncolumn i interval\n"
         "column j bool\ncolumn k date\ncolumn l float32\ncolumn m json\ncolumn n enum\ncolumn o time\n"
         "column p timestamp_ns\ncolumn q int16\ncolumn r list<string>\nrows 5\n",
         everything);
    assert_int_equal(next(f, 10), RV_OK);
    assert_int_equal(f->batch->rows, 5);
    assert_cell(f, 0, 3, "3000");
    assert_cell(f, 1, 1, "1001");
    assert_cell(f, 1, 2, "NULL");
    assert_int_equal(f->batch->columns[2].offsets[1], 40);
    assert_cell(f, 3, 0, "[]");
    assert_cell(f, 3, 2, "[8003,9003]");
    assert_cell(f, 4, 1, "1970-01-01T00:16:44.001004Z");
    assert_cell(f, 5, 1, "00000000-0000-0000-0000-0000000003ed");
    assert_cell(f, 6, 2, "0.2006");
    assert_cell(f, 7, 1, "00000000000003ef");
    assert_cell(f, 8, 1, "PT1008S");
    assert_cell(f, 13, 0, "label6");
}

static void ranges_hold_the_rows_of_their_units(void **state)
{
    static const char script[] =
        "table t\ncolumn id int64\nrows 25\nphysical unit=block per_unit=10 needs_snapshot\n";
    fixture *f = *state;
    play(f, script, (rv_bounds){.kind = RV_BOUNDS_PHYSICAL, .first = 1, .last = 2});
    assert_true(f->info.physical.available && f->info.physical.needs_snapshot);
    assert_int_equal(f->info.physical.first, 0);
    assert_int_equal(f->info.physical.last, 2);
    assert_string_equal(f->scan->unit, "block");
    assert_int_equal(next(f, 1), RV_OK);
    assert_int_equal(f->batch->rows, 10);
    assert_cell(f, 0, 0, "10000");
    assert_false(f->page.end);
    assert_int_equal(next(f, 9), RV_OK);
    assert_int_equal(f->batch->rows, 5);
    assert_int_equal(f->page.units, 1);
    assert_true(f->page.end);
    play(f, script, (rv_bounds){.kind = RV_BOUNDS_PHYSICAL, .first = 0, .last = 0});
    assert_int_equal(next(f, 9), RV_OK);
    assert_int_equal(f->batch->rows, 10);
    assert_true(f->page.end);
}

static void a_delay_is_reported_and_not_waited_for(void **state)
{
    fixture *f = *state;
    play(f, "table t\ncolumn id int64\nrows 30\npage 2 delay_ms=3600000\n", everything);
    assert_int_equal(next(f, 10), RV_OK);
    assert_int_equal(f->page.statement_us, 10);
    assert_int_equal(next(f, 10), RV_OK);
    assert_true(f->page.statement_us == INT64_C(3600000010));
    assert_int_equal(next(f, 10), RV_OK);
    assert_int_equal(f->page.statement_us, 10);
}

static void a_delay_runs_into_the_statement_timeout(void **state)
{
    fixture *f = *state;
    write_script(f, "table t\ncolumn id int64\nrows 30\npage 1 delay_ms=200\n");
    assert_int_equal(try_open(f), RV_OK);
    assert_int_equal(try_begin(f, 100), RV_OK);
    assert_int_equal(try_scan(f, "t", everything), RV_OK);
    assert_int_equal(next(f, 10), RV_E_SOURCE_STATEMENT_TIMEOUT);
    assert_int_equal(f->err.retry, RV_RETRY_SMALLER);
    assert_int_equal(next(f, 10), RV_OK);
    assert_cell(f, 0, 0, "0");
}

static void *interrupt(void *source)
{
    rv_source_interrupt(source);
    return NULL;
}

static void a_hanging_page_ends_when_interrupted(void **state)
{
    fixture *f = *state;
    pthread_t thread;
    play(f, "table t\ncolumn id int64\nrows 1\npage 1 hang\n", everything);
    assert_int_equal(pthread_create(&thread, NULL, interrupt, f->source), 0);
    assert_int_equal(next(f, 1), RV_E_CANCELLED);
    pthread_join(thread, NULL);
}

static void failures_happen_where_and_as_often_as_written(void **state)
{
    fixture *f = *state;
    write_script(f, "fail open code=SOURCE_AUTH\n");
    assert_int_equal(try_open(f), RV_E_SOURCE_AUTH);
    write_script(f, "fail begin code=SOURCE_BUSY times=1\nfail describe code=SOURCE_DENIED times=1\n"
                    "table t\ncolumn id int64\nrows 30\n"
                    "fail scan code=SOURCE_LOST times=1\n"
                    "fail page code=SOURCE_CONFLICT after_rows=20 times=2 retry=smaller\n"
                    "table u\ncolumn id int64\nrows 30\n");
    assert_int_equal(try_open(f), RV_OK);
    assert_int_equal(try_begin(f, 0), RV_E_SOURCE_BUSY);
    assert_int_equal(try_begin(f, 0), RV_OK);
    assert_int_equal(try_scan(f, "t", everything), RV_E_SOURCE_DENIED);
    assert_int_equal(try_scan(f, "t", everything), RV_E_SOURCE_LOST);
    rv_batch_free(f->batch);
    assert_int_equal(try_scan(f, "t", everything), RV_OK);
    assert_int_equal(next(f, 20), RV_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(next(f, 1), RV_E_SOURCE_CONFLICT);
        assert_int_equal(f->err.retry, RV_RETRY_SMALLER);
    }
    assert_int_equal(next(f, 100), RV_OK);
    assert_cell(f, 0, 0, "20000");
    rv_scan_close(f->scan);
    rv_batch_free(f->batch);
    assert_int_equal(try_scan(f, "u", everything), RV_OK);
    assert_int_equal(next(f, 100), RV_OK);
}

static void the_default_retry_class_is_the_codes_own(void **state)
{
    fixture *f = *state;
    play(f, "table t\ncolumn id int64\nrows 1\nfail page code=SOURCE_LOST\n", everything);
    assert_int_equal(next(f, 1), RV_E_SOURCE_LOST);
    assert_int_equal(f->err.retry, rv_code_retry(RV_E_SOURCE_LOST));
}

static void a_wrong_script_is_refused_with_its_line(void **state)
{
    static const struct {
        const char *script, *message;
    } cases[] = {
        {"tabel t\n", ":1: unknown line 'tabel'"},
        {"\n\ntable\n", ":3: more words are needed after 'table'"},
        {"column id int64\n", ":1: a table must begin before 'column'"},
        {"table t\ncolumn id int65\n", ":2: not a type: 'int65'"},
        {"table t\ncolumn id list<list<int32>>\n", ":2: not a type:"},
        {"table t\ncolumn id int64 notnull\n", ":2: unknown word 'notnull'"},
        {"table t\ncolumn id int64\nrow 1 2\n", ":3: a row needs one word for each column of 't'"},
        {"table t\ncolumn id int64\nrow 1\nrows 5\n", ":4: a table has either"},
        {"table t\ncolumn id int64\nrows 5\nrow 1\n", ":4: a row needs"},
        {"table t\ncolumn id int64\nrows -5\n", ":3: not a number: '-5'"},
        {"table t\ncolumn id int64\nrows 9000000000000000000\n", ":3: too many rows"},
        {"table t\nrow \"a\\q\"\n", ":2: unknown escape in"},
        {"table t\nrow \"a\n", ":2: a quote is not closed in"},
        {"table t\nphysical unit=block\n", ":2: a unit and rows per unit are needed"},
        {"table t\ncolumn a int64\nindex i b\n", ":3: not a column that an index can have: 'b'"},
        {"table t\ncolumn a int64\nindex i a desc=b\n", ":3: not a column of the index: 'b'"},
        {"table t\ncolumn a int64\nindex i a correlation=2\n", ":3: not a correlation: '2'"},
        {"table t\ncolumn a int64\nrow@x 1\n", ":3: not a number: 'x'"},
        {"horizon soon\n", ":1: not a number: 'soon'"},
        {"pressure 1 2 3\n", ":1: more words are needed after 'pressure'"},
        {"fail lunch code=SOURCE_LOST\n", ":1: nothing can fail at 'lunch'"},
        {"fail page code=NO_SUCH_CODE\n", ":1: not an error code: 'NO_SUCH_CODE'"},
        {"fail page code=SOURCE_LOST retry=maybe\n", ":1: not a retry class: 'maybe'"},
    };
    fixture *f = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_script(f, cases[i].script);
        assert_int_equal(try_open(f), RV_E_CONFIG_SYNTAX);
        if (strstr(f->err.message, cases[i].message) == NULL)
            fail_msg("'%s' is not in '%s'", cases[i].message, f->err.message);
    }
}

static void a_missing_script_is_not_found(void **state)
{
    fixture *f = *state;
    assert_int_equal(try_open(f), RV_E_SOURCE_NOT_FOUND);
}

static rv_code read_everything(fixture *f)
{
    RV_TRY(try_open(f));
    RV_TRY(try_begin(f, 0));
    RV_TRY(try_scan(f, "t", everything));
    do
        RV_TRY(next(f, 2));
    while (!f->page.end);
    return RV_OK;
}

static void any_allocation_may_fail(void **state)
{
    fixture *f = *state;
    write_script(f, "table t\ncolumn a int64\ncolumn b string null_every=2\ncolumn c list<string>\nrows 5\n");
    for (int n = 1;; n++) {
        fault_arm(FAULT_ALLOC, n, n % 2 != 0 ? FAULT_TRANSIENT : FAULT_PERSISTENT, 0);
        rv_code rc = read_everything(f);
        bool hit = fault_disarm();
        close_source(f);
        if (!hit) {
            assert_int_equal(rc, RV_OK);
            break;
        }
        /* fopen() is the C library's own caller of malloc() and is not wrapped. */
        assert_int_equal(rc, RV_E_OUT_OF_MEMORY);
    }
}

/* ---- keys ---- */

static const char keyed[] = "horizon 50 held_since_us=7\nhorizon 60\n"
                            "pressure 1 2 100 -\npressure 0 0 100 3\n"
                            "table t\n"
                            "column id int64 not_null\ncolumn a decimal(4,1)\ncolumn b timestamp\n"
                            "index by_a a,b desc=a\n"
                            "index t_pkey id primary correlation=-0.5\n"
                            "physical unit=block per_unit=2\n"
                            "row@10 3 2.0 2024-01-01\n"
                            "row@40 1 10 2024-01-02\n"
                            "row@20 5 2 2024-01-03\n"
                            "row 2 null 2024-01-04\n"
                            "row@49 4 -3 null\n";

static const rv_key by_id = {.n_columns = 1, .columns = {"id"}};
static const rv_key by_a = {.n_columns = 1, .columns = {"a"}};
static const rv_key by_ab = {.n_columns = 2, .columns = {"a", "b"}, .descending = {true, false}};

/* The ids that a scan delivers, in pages of 2: "3 1 5 ". */
static void ids_of(fixture *f, rv_bounds bounds, const rv_key_value *after, char *out, size_t size)
{
    size_t n = 0;
    out[0] = '\0';
    rv_scan_close(f->scan);
    rv_batch_free(f->batch);
    f->scan = NULL;
    f->batch = NULL;
    assert_int_equal(try_scan_after(f, "t", bounds, after), RV_OK);
    do {
        assert_int_equal(next(f, 2), RV_OK);
        for (int64_t row = 0; row < f->batch->rows; row++) {
            int64_t id = 0;
            memcpy(&id, f->batch->columns[0].values + (size_t)row * sizeof id, sizeof id);
            n += (size_t)snprintf(out + n, size - n, "%d ", (int)id);
        }
    } while (!f->page.end);
}

static void assert_ids(fixture *f, rv_bounds bounds, const rv_key_value *after, const char *expected)
{
    char ids[64];
    ids_of(f, bounds, after, ids, sizeof ids);
    assert_string_equal(ids, expected);
}

static void indexes_are_described_with_the_primary_key_first(void **state)
{
    fixture *f = *state;
    play(f, keyed, everything);
    assert_int_equal(f->info.n_indexes, 2);
    assert_string_equal(f->info.indexes[0].name, "t_pkey");
    assert_true(rv_index_is_key(&f->info.indexes[0]) && f->info.indexes[0].correlation == -0.5);
    assert_string_equal(f->info.indexes[1].key.columns[1], "b");
    assert_true(f->info.indexes[1].key.descending[0] && !f->info.indexes[1].key.descending[1]);
    assert_false(rv_index_is_key(&f->info.indexes[1]));
}

static void rows_along_a_key_come_in_its_order(void **state)
{
    fixture *f = *state;
    rv_key_value at = {0};
    const rv_bounds along = {.kind = RV_BOUNDS_KEY, .key = &by_id};
    play(f, keyed, everything);
    assert_ids(f, along, NULL, "1 2 3 4 5 ");
    assert_ids(f, along, &(rv_key_value){1, {"3"}}, "4 5 ");
    assert_int_equal(rv_scan_position(f->scan, f->arena, &at, NULL), RV_OK);
    assert_string_equal(at.cells[0], "5");
    assert_ids(f, along, &(rv_key_value){1, {"5"}}, "");
    assert_int_equal(rv_scan_position(f->scan, f->arena, &at, NULL), RV_OK);
    assert_int_equal(at.n, 0);
    assert_ids(f, (rv_bounds){.kind = RV_BOUNDS_KEY, .key = &by_ab}, NULL, "1 3 5 ");
    assert_int_equal(rv_scan_position(f->scan, f->arena, &at, NULL), RV_OK);
    assert_string_equal(at.cells[0], "2.0");
    assert_string_equal(at.cells[1], "2024-01-03 00:00:00.000000");
}

static void ranges_hold_what_lies_in_them(void **state)
{
    fixture *f = *state;
    static const rv_history old = {.until = "40"},
                            late = {.until = "49", .since = "15", .late_from = {1, {"4"}}};
    static const struct {
        rv_range range;
        const char *ids; /* in the order of the table */
    } cases[] = {
        {{.key = &by_id}, "3 1 5 2 4 "},
        {{.key = &by_id, .lo = {1, {"2"}}, .hi = {1, {"4"}}}, "3 "},
        {{.key = &by_id, .lo = {1, {"2"}}, .lo_inclusive = true, .hi = {1, {"4"}}, .hi_inclusive = true},
         "3 2 4 "},
        {{.key = &by_a, .lo = {1, {"2.00"}}}, "1 "},
        {{.key = &by_a, .hi = {1, {"2"}}, .hi_inclusive = true}, "3 5 4 "},
        {{.key = &by_a, .null_only = true}, "2 "},
        {{.key = &by_a, .fallback = "id", .lo = {1, {"2"}}, .lo_inclusive = true}, "3 1 5 2 "},
        {{.key = &by_a, .fallback = "id", .null_only = true}, ""},
        {{.key = &by_ab, .lo = {1, {"10"}}}, "3 5 "},
        {{.key = &by_ab, .lo = {2, {"2", "2024-01-01 00:00:00"}}}, "5 "},
        {{.key = &by_ab, .hi = {1, {"2"}}, .hi_inclusive = true}, "3 1 5 "},
        {{.key = &by_ab, .null_only = true}, "2 4 "},
        {{.key = &by_id, .history = &old}, "3 5 2 "},
        {{.key = &by_id, .lo = {1, {"4"}}, .history = &old}, "5 "},
        {{.key = &by_id, .lo = {1, {"5"}}, .history = &late}, "5 "},
        {{.key = &by_id, .lo = {1, {"4"}}, .lo_inclusive = true, .history = &late}, "5 "},
    };
    play(f, keyed, everything);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const rv_bounds all = {.kind = RV_BOUNDS_ALL, .ranges = {&cases[i].range}, .n_ranges = 1};
        rv_bounds blocks = all;
        blocks.kind = RV_BOUNDS_PHYSICAL;
        blocks.last = 2;
        assert_ids(f, all, NULL, cases[i].ids);
        assert_ids(f, blocks, NULL, cases[i].ids);
    }
    const rv_bounds both = {
        .kind = RV_BOUNDS_KEY, .key = &by_id, .ranges = {&cases[2].range, &cases[4].range}, .n_ranges = 2};
    assert_ids(f, both, NULL, "3 4 ");
}

static void places_and_marks_that_are_none_are_refused(void **state)
{
    fixture *f = *state;
    static const rv_key by_none = {.n_columns = 1, .columns = {"none"}};
    static const rv_history odd = {.until = "soon"};
    static const rv_range ranges[] = {
        {.key = &by_id, .lo = {1, {"x"}}}, {.key = &by_none}, {.key = &by_id, .history = &odd}};
    static const rv_code codes[] = {RV_E_VALUE_UNPARSEABLE, RV_E_SOURCE_QUERY, RV_E_SOURCE_QUERY};
    play(f, keyed, everything);
    rv_scan_close(f->scan);
    for (int i = 0; i < 3; i++) {
        rv_batch_free(f->batch);
        f->scan = NULL;
        const rv_bounds bounds = {.kind = RV_BOUNDS_ALL, .ranges = {&ranges[i]}, .n_ranges = 1};
        assert_int_equal(try_scan(f, "t", bounds), codes[i]);
        assert_null(f->scan);
    }
}

static void ends_and_cuts_are_those_of_the_rows(void **state)
{
    fixture *f = *state;
    static const rv_range few = {.key = &by_id, .hi = {1, {"3"}}};
    static const rv_range none = {.key = &by_id, .lo = {1, {"9"}}};
    const rv_range *within[] = {&few}, *nowhere[] = {&none};
    rv_key_ends ends;
    rv_key_value places[9];
    int64_t n = 0;
    play(f, keyed, everything);
    assert_int_equal(
        rv_source_key_ends(f->source, &f->relation, &f->info, &by_a, NULL, NULL, 0, f->arena, &ends, NULL),
        RV_OK);
    assert_true(!ends.empty && ends.has_null);
    assert_string_equal(ends.first.cells[0], "-3.0");
    assert_string_equal(ends.last.cells[0], "10.0");
    assert_int_equal(
        rv_source_key_ends(f->source, &f->relation, &f->info, &by_a, "id", within, 1, f->arena, &ends, NULL),
        RV_OK);
    assert_true(!ends.empty && !ends.has_null);
    assert_string_equal(ends.first.cells[0], "2.0");
    assert_int_equal(
        rv_source_key_ends(f->source, &f->relation, &f->info, &by_a, NULL, nowhere, 1, f->arena, &ends, NULL),
        RV_OK);
    assert_true(ends.empty && !ends.has_null);
    assert_int_equal(rv_source_split(f->source, &f->relation, &f->info, &f->info.indexes[0], 2, f->arena,
                                     places, &n, NULL),
                     RV_OK);
    assert_int_equal(n, 1);
    assert_string_equal(places[0].cells[0], "3");
    assert_int_equal(rv_source_split(f->source, &f->relation, &f->info, &f->info.indexes[0], 10, f->arena,
                                     places, &n, NULL),
                     RV_OK);
    assert_int_equal(n, 3);
    assert_string_equal(places[0].cells[0], "2");
    assert_string_equal(places[2].cells[0], "4");
}

static void answers_come_in_turn_and_the_last_one_stays(void **state)
{
    fixture *f = *state;
    static const char *const marks[] = {"50", "60", "60"};
    play(f, keyed, everything);
    for (int i = 0; i < 3; i++) {
        const char *mark = NULL;
        int64_t held = -1;
        rv_pressure pressure;
        assert_int_equal(rv_source_horizon(f->source, f->arena, &mark, &held, NULL), RV_OK);
        assert_string_equal(mark, marks[i]);
        assert_int_equal(held, i == 0 ? 7 : 0);
        assert_int_equal(rv_source_pressure(f->source, &pressure, NULL), RV_OK);
        assert_int_equal(pressure.lock_waits, i == 0 ? 1 : 0);
        assert_int_equal(pressure.replica_lag_ms, i == 0 ? -1 : 3);
    }
}

static void a_snapshot_is_shared_by_its_name(void **state)
{
    fixture *f = *state;
    const rv_source_config config = {.kind = "fake", .path = f->path};
    rv_source *other = NULL;
    const char *name = NULL;
    play(f, keyed, everything);
    assert_int_equal(rv_source_share_snapshot(f->source, f->arena, &name, NULL), RV_OK);
    assert_int_equal(rv_source_open(&other, &config, NULL, NULL), RV_OK);
    const rv_read_options joined = {.snapshot = true, .shared_snapshot = name};
    const rv_read_options strange = {.snapshot = true, .shared_snapshot = "00000003-1"};
    assert_int_equal(rv_source_begin(other, &strange, NULL), RV_E_SOURCE_QUERY);
    assert_int_equal(rv_source_share_snapshot(other, f->arena, &name, NULL), RV_E_SOURCE_QUERY);
    assert_int_equal(rv_source_begin(other, &joined, NULL), RV_OK);
    rv_source_end(other);
    rv_source_close(other);
}

static void a_page_along_a_key_that_failed_is_asked_again(void **state)
{
    fixture *f = *state;
    rv_key_value at = {0};
    const rv_bounds along = {.kind = RV_BOUNDS_KEY, .key = &by_id};
    play(f,
         "table t\ncolumn id int64 not_null\nindex i id primary\nrow 3\nrow 1\nrow 2\n"
         "fail page after_rows=2 times=2 code=SOURCE_CONFLICT\n",
         along);
    assert_int_equal(next(f, 1), RV_OK); /* the row with id 1 is the second of the table, id 2 the third */
    assert_int_equal(next(f, 2), RV_E_SOURCE_CONFLICT);
    assert_int_equal(next(f, 1), RV_E_SOURCE_CONFLICT);
    assert_int_equal(rv_scan_position(f->scan, f->arena, &at, NULL), RV_OK);
    assert_string_equal(at.cells[0], "1");
    assert_int_equal(next(f, 2), RV_OK);
    assert_cell(f, 0, 0, "2");
    assert_cell(f, 0, 1, "3");
    assert_true(f->page.end);
}

/* Everything that keys need memory for. */
static rv_code use_keys(fixture *f)
{
    static const rv_range range = {.key = &by_id, .lo = {1, {"1"}}};
    const rv_bounds along = {.kind = RV_BOUNDS_KEY, .key = &by_ab, .ranges = {&range}, .n_ranges = 1};
    rv_key_value at = {0}, places[3];
    rv_key_ends ends;
    const char *name = NULL;
    int64_t n = 0;
    RV_TRY(try_open(f));
    RV_TRY(try_begin(f, 0));
    RV_TRY(rv_source_share_snapshot(f->source, f->arena, &name, &f->err));
    RV_TRY(rv_source_horizon(f->source, f->arena, &name, &n, &f->err));
    RV_TRY(try_scan_after(f, "t", along, &(rv_key_value){1, {"11"}}));
    RV_TRY(next(f, 1));
    RV_TRY(rv_scan_position(f->scan, f->arena, &at, &f->err));
    RV_TRY(rv_source_key_ends(f->source, &f->relation, &f->info, &by_a, "id", NULL, 0, f->arena, &ends,
                              &f->err));
    return rv_source_split(f->source, &f->relation, &f->info, &f->info.indexes[0], 3, f->arena, places, &n,
                           &f->err);
}

static void keys_survive_any_failed_allocation(void **state)
{
    fixture *f = *state;
    write_script(f, keyed);
    for (int n = 1, hit = 1; hit; n++) {
        rv_arena_free(f->arena);
        assert_int_equal(rv_arena_new(&f->arena, 1 << 20, NULL), RV_OK);
        fault_arm(FAULT_ALLOC, n, n % 2 != 0 ? FAULT_TRANSIENT : FAULT_PERSISTENT, 0);
        rv_code rc = use_keys(f);
        hit = fault_disarm();
        close_source(f);
        assert_int_equal(rc, hit ? RV_E_OUT_OF_MEMORY : RV_OK);
    }
}

static void every_question_fails_as_written(void **state)
{
    fixture *f = *state;
    const char *text = NULL;
    int64_t n = 0;
    rv_key_ends ends;
    rv_key_value places[3];
    rv_pressure pressure;
    play(f,
         "fail horizon code=SOURCE_LOST\nfail pressure code=SOURCE_DENIED\nfail share_snapshot "
         "code=SOURCE_BUSY\n"
         "table t\ncolumn id int64 not_null\nindex i id primary\nrow 1\n"
         "fail key_ends code=SOURCE_QUERY\nfail split code=SOURCE_CONNECT\n",
         everything);
    assert_int_equal(rv_source_horizon(f->source, f->arena, &text, &n, NULL), RV_E_SOURCE_LOST);
    assert_int_equal(rv_source_pressure(f->source, &pressure, NULL), RV_E_SOURCE_DENIED);
    assert_int_equal(rv_source_share_snapshot(f->source, f->arena, &text, NULL), RV_E_SOURCE_BUSY);
    assert_int_equal(
        rv_source_key_ends(f->source, &f->relation, &f->info, &by_id, NULL, NULL, 0, f->arena, &ends, NULL),
        RV_E_SOURCE_QUERY);
    assert_int_equal(rv_source_split(f->source, &f->relation, &f->info, &f->info.indexes[0], 3, f->arena,
                                     places, &n, NULL),
                     RV_E_SOURCE_CONNECT);
}

int main(void)
{
#define FAKE_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        FAKE_TEST(literal_rows_are_played_as_written),
        FAKE_TEST(generated_values_depend_on_row_and_column),
        FAKE_TEST(ranges_hold_the_rows_of_their_units),
        FAKE_TEST(a_delay_is_reported_and_not_waited_for),
        FAKE_TEST(a_delay_runs_into_the_statement_timeout),
        FAKE_TEST(a_hanging_page_ends_when_interrupted),
        FAKE_TEST(failures_happen_where_and_as_often_as_written),
        FAKE_TEST(the_default_retry_class_is_the_codes_own),
        FAKE_TEST(a_wrong_script_is_refused_with_its_line),
        FAKE_TEST(a_missing_script_is_not_found),
        FAKE_TEST(any_allocation_may_fail),
        FAKE_TEST(indexes_are_described_with_the_primary_key_first),
        FAKE_TEST(rows_along_a_key_come_in_its_order),
        FAKE_TEST(ranges_hold_what_lies_in_them),
        FAKE_TEST(places_and_marks_that_are_none_are_refused),
        FAKE_TEST(ends_and_cuts_are_those_of_the_rows),
        FAKE_TEST(answers_come_in_turn_and_the_last_one_stays),
        FAKE_TEST(a_snapshot_is_shared_by_its_name),
        FAKE_TEST(a_page_along_a_key_that_failed_is_asked_again),
        FAKE_TEST(keys_survive_any_failed_allocation),
        FAKE_TEST(every_question_fails_as_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
