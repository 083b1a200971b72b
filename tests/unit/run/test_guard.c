/* The guards in the path of a run: gates before the manifest, changed columns before the first page, added columns in
 * every file. */
#include "support.h"

#include "fault.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void write_script(const bench *b, const char *text)
{
    FILE *file = fopen(b->script, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

typedef struct event_search {
    const char *event, *text;
    int n;
} event_search;

static rv_code count_event(void *context, const rv_journal_row *row, rv_error *err)
{
    event_search *search = context;
    (void)err;
    search->n += strcmp(row->event, search->event) == 0 && strstr(row->detail_json, search->text) != NULL;
    return RV_OK;
}

/* Events of that name whose detail holds the text. */
static int count_events(const bench *b, const char *event, const char *text)
{
    event_search search = {.event = event, .text = text};
    rv_state *store = NULL;
    assert_int_equal(rv_state_open(&store, b->state, RV_STATE_READ, rv_clock_system(), NULL), RV_OK);
    assert_int_equal(rv_state_list_journal(store, "t", NULL, 0, count_event, &search, NULL), RV_OK);
    rv_state_close(store);
    return search.n;
}

static rv_export_memory recall(const bench *b, rv_arena *arena)
{
    rv_export_memory memory = {0};
    rv_state *store = NULL;
    assert_int_equal(rv_state_open(&store, b->state, RV_STATE_READ, rv_clock_system(), NULL), RV_OK);
    assert_int_equal(rv_state_recall(store, "t", arena, &memory, NULL), RV_OK);
    rv_state_close(store);
    return memory;
}

static bool has_note(const bench *b, const char *text)
{
    for (int i = 0; i < b->summary.n_notes; i++)
        if (strstr(b->summary.notes[i], text) != NULL)
            return true;
    return false;
}

static void gates_that_pass_change_nothing(void **state)
{
    bench *b = *state;
    static const rv_null_ratio ratios[] = {{"note", 0.0}};
    static const char *const unique[] = {"id", "note"};
    b->export_config.quality = (rv_quality_config){.row_count_min = 100,
                                                   .row_count_max = 100,
                                                   .null_ratios = ratios,
                                                   .n_null_ratios = 1,
                                                   .unique_columns = unique,
                                                   .n_unique_columns = 2};
    write_numbered(b, 100, "", "");
    assert_int_equal(bench_run(b), RV_OK);
    assert_rows_once(b, 100);
    assert_int_equal(b->summary.n_quality_gates, 5);
    assert_int_equal(b->summary.n_quality_failed, 0);
    assert_int_equal(count_events(b, "QualityIssue", ""), 0);
}

/* The first run succeeds; the second fails a gate, and everything is as the first has left it. */
static void assert_gate_fails(bench *b, const rv_quality_config *quality, const char *message)
{
    write_numbered(b, 10, "", "");
    assert_int_equal(bench_run(b), RV_OK);
    int files = count_files(b, "");
    b->export_config.quality = *quality;
    write_script(b, "table t\ncolumn id bigint not_null key\ncolumn note text\n"
                    "row 0 \"a\"\nrow 1 \"b\"\nrow 2 \"a\"\nrow 3 null\n");
    assert_int_equal(bench_run(b), RV_E_QUALITY_FAILED);
    assert_int_equal(rv_code_exit(RV_E_QUALITY_FAILED), RV_EXIT_INTEGRITY);
    assert_non_null(strstr(b->summary.error.message, message));
    assert_int_equal(b->summary.status, RV_RUN_FAILED);
    assert_int_equal(b->summary.n_quality_failed, 1);
    assert_int_equal(count_files(b, ""), files);
    assert_rows_once(b, 10);
    assert_int_equal(count_events(b, "QualityIssue", "\"severity\":\"fail\""), 1);
    assert_true(has_note(b, message));
}

static void too_few_rows_fail_the_run(void **state)
{
    const rv_quality_config quality = {.row_count_min = 5, .row_count_max = -1};
    assert_gate_fails(*state, &quality, "4 rows are fewer than row_count_min 5");
}

static void too_many_rows_fail_the_run(void **state)
{
    const rv_quality_config quality = {.row_count_min = -1, .row_count_max = 3};
    assert_gate_fails(*state, &quality, "4 rows are more than row_count_max 3");
}

static void too_many_nulls_fail_the_run(void **state)
{
    static const rv_null_ratio ratios[] = {{"id", 0.0}, {"note", 0.24}};
    const rv_quality_config quality = {
        .row_count_min = -1, .row_count_max = -1, .null_ratios = ratios, .n_null_ratios = 2};
    assert_gate_fails(*state, &quality, "1 of 4 values of 'note' are NULL, more than the share of 0.24");
}

static void duplicates_fail_the_run(void **state)
{
    static const char *const unique[] = {"id", "note"};
    const rv_quality_config quality = {
        .row_count_min = -1, .row_count_max = -1, .unique_columns = unique, .n_unique_columns = 2};
    assert_gate_fails(*state, &quality, "1 of 3 values of 'note' repeat an earlier one");
}

static void an_empty_table_fails_a_minimum_also_when_it_would_be_skipped(void **state)
{
    bench *b = *state;
    b->export_config.skip_empty = true;
    b->export_config.quality.row_count_min = 1;
    write_numbered(b, 0, "", "");
    assert_int_equal(bench_run(b), RV_E_QUALITY_FAILED);
    assert_int_equal(count_files(b, ""), 0);
}

static void an_unknown_column_of_a_gate_is_refused_before_anything_is_read(void **state)
{
    bench *b = *state;
    static const char *const unique[] = {"nota"};
    b->export_config.quality.unique_columns = unique;
    b->export_config.quality.n_unique_columns = 1;
    write_numbered(b, 10, "", "");
    assert_int_equal(bench_run(b), RV_E_CONFIG_VALUE);
    assert_string_equal(b->summary.error.hint, "did you mean 'note'?");
    assert_int_equal(b->summary.pages, 0);
}

/* What an earlier attempt has seen of the rows is gone with its process, so they are read again. */
static void a_resumed_run_is_read_again_where_a_gate_has_to_see_its_rows(void **state)
{
    bench *b = *state;
    static const char *const unique[] = {"id"};
    b->export_config.quality.unique_columns = unique;
    b->export_config.quality.n_unique_columns = 1;
    for (int gates = 0; gates < 2; gates++) {
        b->export_config.quality.n_unique_columns = gates;
        b->export_config.on_existing = RV_EXISTING_REPLACE;
        write_numbered(b, 100, "", "");
        fault_arm(FAULT_RENAME, 2, FAULT_TRANSIENT,
                  EIO); /* the part has its name, the manifest does not get it */
        assert_int_equal(bench_run(b), RV_E_DEST_WRITE);
        assert_true(fault_disarm());
        assert_int_equal(bench_run(b), RV_OK);
        assert_true(b->summary.resumed);
        assert_int_equal(b->summary.pages > 0, gates > 0);
        assert_rows_once(b, 100);
    }
}

/* The first attempt dies between its chunks and its manifest; the second reads nothing and judges all the same. */
static void assert_resumed_is_judged(bench *b, const rv_quality_config *quality, bool passes)
{
    b->export_config.quality = *quality;
    fault_arm(FAULT_RENAME, 2, FAULT_TRANSIENT, EIO);
    assert_int_equal(bench_run(b), RV_E_DEST_WRITE);
    assert_true(fault_disarm());
    assert_int_equal(bench_run(b), passes ? RV_OK : RV_E_QUALITY_FAILED);
    assert_true(b->summary.resumed);
    assert_int_equal(b->summary.pages, 0);
}

static void nulls_of_kept_chunks_are_known(void **state)
{
    bench *b = *state;
    static rv_null_ratio ratios[] = {{"note", 0.5}};
    const rv_quality_config quality = {
        .row_count_min = -1, .row_count_max = -1, .null_ratios = ratios, .n_null_ratios = 1};
    write_script(b, "table t\ncolumn id bigint not_null key\ncolumn note text\nrow 0 \"a\"\nrow 1 null\n");
    assert_resumed_is_judged(b, &quality, true);
    assert_int_equal(b->summary.n_gates, 1);
    assert_true(b->summary.gates[0].measured == 0.5 && b->summary.gates[0].limit == 0.5);
}

/* The gate was passed when the chunk was complete; who resumes the run wants more. */
static void nulls_of_kept_chunks_can_fail_a_resumed_run(void **state)
{
    bench *b = *state;
    static const rv_null_ratio lax[] = {{"note", 0.5}}, strict[] = {{"note", 0.4}};
    rv_quality_config quality = {
        .row_count_min = -1, .row_count_max = -1, .null_ratios = lax, .n_null_ratios = 1};
    write_script(b, "table t\ncolumn id bigint not_null key\ncolumn note text\nrow 0 \"a\"\nrow 1 null\n");
    b->export_config.quality = quality;
    fault_arm(FAULT_RENAME, 2, FAULT_TRANSIENT, EIO);
    assert_int_equal(bench_run(b), RV_E_DEST_WRITE);
    assert_true(fault_disarm());
    quality.null_ratios = strict;
    b->export_config.quality = quality;
    assert_int_equal(bench_run(b), RV_E_QUALITY_FAILED);
    assert_int_equal(b->summary.pages, 0);
    assert_int_equal(b->summary.gates[0].verdict, RV_QUALITY_NOT_PASSED);
    assert_int_equal(count_files(b, ".csv"), 0);
}

/* A gate that is new counts what nobody has counted. */
static void chunks_that_were_not_counted_are_read_again(void **state)
{
    bench *b = *state;
    static const rv_null_ratio ratios[] = {{"note", 0.4}};
    write_numbered(b, 100, "", "");
    fault_arm(FAULT_RENAME, 2, FAULT_TRANSIENT, EIO);
    assert_int_equal(bench_run(b), RV_E_DEST_WRITE);
    assert_true(fault_disarm());
    b->export_config.quality.null_ratios = ratios;
    b->export_config.quality.n_null_ratios = 1;
    assert_int_equal(bench_run(b), RV_OK);
    assert_true(b->summary.resumed && b->summary.pages > 0);
    assert_rows_once(b, 100);
}

static void a_unique_index_proves_a_column_without_a_look(void **state)
{
    bench *b = *state;
    static const char *const unique[] = {"id"};
    const rv_quality_config quality = {
        .row_count_min = -1, .row_count_max = -1, .unique_columns = unique, .n_unique_columns = 1};
    b->export_config.consistency = RV_CONSISTENCY_STATEMENT;
    b->export_config.mode = RV_MODE_CHUNKED;
    write_script(b, "table t\ncolumn id bigint not_null\ncolumn note text\n"
                    "index t_pkey id primary unique not_null\nrow 0 \"a\"\nrow 1 null\n");
    assert_resumed_is_judged(b, &quality, true);
    assert_string_equal(b->summary.gates[0].proof, "unique index t_pkey");
}

static const char *const two_columns =
    "table t\ncolumn id bigint not_null key\ncolumn note text\nrow 0 \"a\"\n";
static const char *const three_columns =
    "table t\ncolumn id bigint not_null key\ncolumn note text\ncolumn more integer\nrow 0 \"a\" 1\n";

static void changed_columns_fail_before_the_first_page(void **state)
{
    bench *b = *state;
    b->export_config.on_schema_drift = RV_DRIFT_FAIL;
    write_script(b, two_columns);
    assert_int_equal(bench_run(b), RV_OK);
    assert_int_equal(b->summary.n_schema_changes, 0);
    int files = count_files(b, "");
    write_script(b, three_columns);
    for (int i = 0; i < 2; i++) { /* a failed run changes nothing about what the next is compared with */
        assert_int_equal(bench_run(b), RV_E_SCHEMA_DRIFT);
        assert_int_equal(rv_code_exit(RV_E_SCHEMA_DRIFT), RV_EXIT_DRIFT);
        assert_non_null(strstr(b->summary.error.message, "'more' added (int32)"));
        assert_int_equal(b->summary.pages, 0);
        assert_int_equal(count_files(b, ""), files);
    }
    assert_int_equal(count_events(b, "SchemaChanged", "\"kind\":\"added\""), 2);
    b->export_config.on_schema_drift = RV_DRIFT_WARN;
    assert_int_equal(bench_run(b), RV_OK);
    assert_int_equal(b->summary.n_schema_changes, 1);
    assert_true(has_note(b, "'more' added (int32)"));
    b->export_config.on_schema_drift = RV_DRIFT_FAIL;
    assert_int_equal(bench_run(b), RV_OK);
}

static void changed_columns_are_only_recorded_when_the_run_is_to_continue(void **state)
{
    bench *b = *state;
    b->export_config.on_schema_drift = RV_DRIFT_CONTINUE;
    write_script(b, three_columns);
    assert_int_equal(bench_run(b), RV_OK);
    write_script(b, two_columns);
    assert_int_equal(bench_run(b), RV_OK);
    assert_false(has_note(b, "removed"));
    assert_int_equal(count_events(b, "SchemaChanged", "\"kind\":\"removed\""), 1);
}

static void longer_values_are_noted_and_remembered(void **state)
{
    bench *b = *state;
    RV_AUTO(rv_arena_free) rv_arena *arena = NULL;
    assert_int_equal(rv_arena_new(&arena, 1 << 20, NULL), RV_OK);
    b->export_config.shape_drift_warn_factor = 2.0;
    write_script(b, "table t\ncolumn id bigint not_null key\ncolumn note text\nrow 0 \"12345\"\n");
    assert_int_equal(bench_run(b), RV_OK);
    assert_string_equal(recall(b, arena).shapes_json, "{\"note\":5}");
    write_script(b, "table t\ncolumn id bigint not_null key\ncolumn note text\nrow 0 \"1234567890\"\n");
    assert_int_equal(bench_run(b), RV_OK);
    assert_false(has_note(b, "grew"));
    write_script(
        b, "table t\ncolumn id bigint not_null key\ncolumn note text\nrow 0 \"123456789012345678901\"\n");
    assert_int_equal(bench_run(b), RV_OK);
    assert_true(has_note(b, "the longest value of 'note' grew from 10 to 21 bytes"));
    assert_string_equal(recall(b, arena).shapes_json, "{\"note\":21}");
    write_script(b, two_columns);
    assert_int_equal(bench_run(b), RV_OK);
    assert_string_equal(recall(b, arena).shapes_json, "{\"note\":21}");
    assert_int_equal(count_events(b, "Warning", "\"bytes_now\":21"), 1);
}

/* The only line of the only CSV file. */
static void read_line(const bench *b, char *line, int size)
{
    DIR *folder = opendir(b->out);
    bool found = false;
    assert_non_null(folder);
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        char path[2 * PATH_BYTES];
        if (strstr(entry->d_name, ".csv") == NULL)
            continue;
        assert_false(found);
        found = true;
        (void)snprintf(path, sizeof path, "%s/%s", b->out, entry->d_name);
        FILE *file = fopen(path, "re");
        assert_non_null(file);
        assert_non_null(fgets(line, size, file));
        (void)fclose(file);
    }
    (void)closedir(folder);
    assert_true(found);
}

static void added_columns_are_in_the_files(void **state)
{
    bench *b = *state;
    char line[256], expected[256], time[RV_TIME_TEXT_BYTES];
    b->export_config.meta = (rv_meta_columns){.exported_at = true, .row_hash = true};
    write_script(
        b, "table t\ncolumn id bigint not_null\ncolumn note text\ncolumn more text\nrow 1 \"a\" null\n");
    assert_int_equal(bench_run(b), RV_OK);
    read_line(b, line, sizeof line);
    rv_time_date(time, b->summary.started_us);
    (void)snprintf(expected, sizeof expected, "1,a,,%s", time); /* the date of a timestamp */
    assert_memory_equal(line, expected, strlen(expected));
    assert_non_null(strstr(line, ",1897989663250352768\n")); /* docs/row-hash.md */
}

static void a_column_of_the_same_name_is_refused(void **state)
{
    bench *b = *state;
    b->export_config.meta.row_hash = true;
    write_script(b, "table t\ncolumn _rivet_row_hash bigint\nrow 1\n");
    assert_int_equal(bench_run(b), RV_E_CONFIG_VALUE);
    assert_non_null(strstr(b->summary.error.message, "has a column '_rivet_row_hash' already"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        bench_test(gates_that_pass_change_nothing),
        bench_test(too_few_rows_fail_the_run),
        bench_test(too_many_rows_fail_the_run),
        bench_test(too_many_nulls_fail_the_run),
        bench_test(duplicates_fail_the_run),
        bench_test(an_empty_table_fails_a_minimum_also_when_it_would_be_skipped),
        bench_test(an_unknown_column_of_a_gate_is_refused_before_anything_is_read),
        bench_test(a_resumed_run_is_read_again_where_a_gate_has_to_see_its_rows),
        bench_test(nulls_of_kept_chunks_are_known),
        bench_test(nulls_of_kept_chunks_can_fail_a_resumed_run),
        bench_test(chunks_that_were_not_counted_are_read_again),
        bench_test(a_unique_index_proves_a_column_without_a_look),
        bench_test(changed_columns_fail_before_the_first_page),
        bench_test(changed_columns_are_only_recorded_when_the_run_is_to_continue),
        bench_test(longer_values_are_noted_and_remembered),
        bench_test(added_columns_are_in_the_files),
        bench_test(a_column_of_the_same_name_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
