#include "support.h"

#include "lib/fault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

enum { ARENA_BYTES = 16 << 20 };

static rv_arena *new_arena(void)
{
    rv_arena *arena = NULL;
    assert_int_equal(rv_arena_new(&arena, ARENA_BYTES, NULL), RV_OK);
    return arena;
}

static rv_code parse(const char *text, rv_error *err)
{
    RV_AUTO(rv_arena_free) rv_arena *arena = new_arena();
    rv_manifest manifest;
    return rv_manifest_parse(text, strlen(text), arena, &manifest, err);
}

static void assert_same_part(const rv_part *got, const rv_part *expected)
{
    assert_string_equal(got->name, expected->name);
    assert_int_equal(got->chunk_index, expected->chunk_index);
    assert_int_equal(got->sequence, expected->sequence);
    assert_int_equal(got->rows, expected->rows);
    assert_int_equal(got->bytes, expected->bytes);
    assert_true(got->xxh3 == expected->xxh3);
    assert_memory_equal(got->md5, expected->md5, sizeof got->md5);
    assert_string_equal(got->column_digests, expected->column_digests);
}

static void assert_same_column(const rv_manifest_column *got, const rv_manifest_column *expected)
{
    assert_string_equal(got->name, expected->name);
    assert_string_equal(got->type, expected->type);
    assert_string_equal(got->native_type, expected->native_type);
    assert_string_equal(got->fidelity, expected->fidelity);
    assert_int_equal(got->nullable, expected->nullable);
    assert_true(got->digest == expected->digest);
    assert_memory_equal(got->policy_uses, expected->policy_uses, sizeof got->policy_uses);
}

static void what_was_rendered_is_read_back_whole(void **state)
{
    (void)state;
    sample s;
    make_sample(&s);
    RV_AUTO(rv_arena_free) rv_arena *arena = new_arena();
    rv_manifest got;
    assert_int_equal(rv_manifest_parse(sample_text, strlen(sample_text), arena, &got, NULL), RV_OK);
    assert_string_equal(got.run_id, s.manifest.run_id);
    assert_string_equal(got.export_name, s.manifest.export_name);
    assert_int_equal(got.started_us, s.manifest.started_us);
    assert_int_equal(got.finished_us, s.manifest.finished_us);
    assert_string_equal(got.engine, s.manifest.engine);
    assert_string_equal(got.engine_version, s.manifest.engine_version);
    assert_string_equal(got.source_schema, s.manifest.source_schema);
    assert_string_equal(got.source_table, s.manifest.source_table);
    assert_string_equal(got.dest_kind, s.manifest.dest_kind);
    assert_string_equal(got.dest_uri, s.manifest.dest_uri);
    assert_string_equal(got.format, s.manifest.format);
    assert_string_equal(got.compression, s.manifest.compression);
    assert_string_equal(got.strategy, s.manifest.strategy);
    assert_string_equal(got.consistency, s.manifest.consistency);
    assert_true(got.schema_fingerprint == s.manifest.schema_fingerprint);
    assert_int_equal(got.rows, s.manifest.rows);
    assert_int_equal(got.n_columns, SAMPLE_COLUMNS);
    for (int i = 0; i < SAMPLE_COLUMNS; i++)
        assert_same_column(&got.columns[i], &s.columns[i]);
    assert_int_equal(got.n_parts, SAMPLE_PARTS);
    for (int i = 0; i < SAMPLE_PARTS; i++)
        assert_same_part(&got.parts[i], &s.parts[i]);

    rv_bytes again = RV_BYTES_INIT(1 << 20);
    assert_int_equal(rv_manifest_render(&got, &again, NULL), RV_OK);
    assert_int_equal(again.len, strlen(sample_text));
    assert_memory_equal(again.data, sample_text, again.len);
    rv_bytes_deinit(&again);
}

/* As the original writes it: no columns, no checksums, times with an offset. */
static void a_manifest_of_version_1_without_our_additions_is_read(void **state)
{
    static const char text[] =
        "{\"manifest_version\": 1, \"run_id\": \"o_1\", \"export_name\": \"o\", \"unknown\": [{\"x\": 1.5}],"
        "\"started_at\": \"2026-05-21T12:00:00+00:00\", \"finished_at\": "
        "\"2026-05-21T14:00:01.000000001+02:00\","
        "\"status\": \"success\", \"source\": {\"engine\": \"mysql\", \"schema\": null},"
        "\"destination\": {\"kind\": \"gcs\", \"uri\": \"gs://b/p/\"}, \"format\": \"csv\", \"compression\": "
        "\"none\","
        "\"schema_fingerprint\": \"xxh3:00000000000000ff\", \"row_count\": 7, \"part_count\": 1, \"parts\": ["
        "{\"part_id\": 1, \"path\": \"a.csv\", \"rows\": 7, \"size_bytes\": 9,"
        " \"content_fingerprint\": \"xxh3:0000000000000001\", \"status\": \"committed\"},"
        "{\"part_id\": 2, \"path\": \"../b.csv\", \"rows\": 8, \"status\": \"quarantined\"}]}";
    (void)state;
    char fixed[sizeof text];
    memcpy(fixed, text, sizeof text);
    char *nanoseconds = strstr(fixed, ".000000001");
    memmove(nanoseconds, nanoseconds + strlen(".000000001"), strlen(nanoseconds + strlen(".000000001")) + 1);
    RV_AUTO(rv_arena_free) rv_arena *arena = new_arena();
    rv_manifest got;
    rv_error err;
    /* Nanoseconds that a microsecond cannot hold are refused, not rounded. */
    assert_int_equal(rv_manifest_parse(text, strlen(text), arena, &got, &err), RV_E_MANIFEST_INVALID);
    assert_int_equal(rv_manifest_parse(fixed, strlen(fixed), arena, &got, &err), RV_OK);
    assert_int_equal(got.finished_us - got.started_us, 1000000);
    assert_int_equal(got.n_columns, 0);
    assert_int_equal(got.n_parts, 1);
    assert_string_equal(got.parts[0].name, "a.csv");
    assert_null(got.source_schema);
    assert_null(got.strategy);
}

/* ---- one thing changed ---- */

/* Replace what stands at `path` ("parts/1/rows") by `value`; NULL removes it. Consumes `value`. */
static void replace(json_t *document, const char *path, json_t *value)
{
    char copy[64];
    snprintf(copy, sizeof copy, "%s", path);
    json_t *at = document;
    char *key = copy;
    for (char *slash; (slash = strchr(key, '/')) != NULL; key = slash + 1) {
        *slash = '\0';
        at = json_is_array(at) ? json_array_get(at, (size_t)atoi(key)) : json_object_get(at, key);
    }
    int result;
    if (json_is_array(at))
        result = json_array_set_new(at, (size_t)atoi(key), value);
    else
        result = value ? json_object_set_new(at, key, value) : json_object_del(at, key);
    assert_int_equal(result, 0);
}

static rv_code parse_changed(const char *path, const char *json, rv_error *err)
{
    json_t *document = json_loads(sample_text, 0, NULL);
    json_t *value = json ? json_loads(json, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL) : NULL;
    assert_non_null(document);
    assert_true(!json || value);
    replace(document, path, value);
    char *text = json_dumps(document, 0);
    json_decref(document);
    rv_code rc = parse(text, err);
    free(text);
    return rc;
}

typedef struct change {
    const char *path, *json; /* json NULL: the key is removed */
    const char *word;        /* in the message */
} change;

static void every_key_is_checked(void **state)
{
    static const change changes[] = {
        {"manifest_version", "2", "version"},
        {"manifest_version", "\"1\"", "manifest_version"},
        {"manifest_version", NULL, "manifest_version"},
        {"run_id", NULL, "run_id"},
        {"run_id", "\"\"", "run_id"},
        {"run_id", "7", "run_id"},
        {"export_name", "[]", "export_name"},
        {"started_at", "\"yesterday\"", "started_at"},
        {"started_at", "\"2026-11-21T09:30:00\"", "started_at"},
        {"started_at", "\"2026-11-21T09:30:06Z\"", "before it started"},
        {"started_at", "\"1969-12-31T23:59:59Z\"", "started_at"},
        {"finished_at", "1795253405", "finished_at"},
        {"finished_at", "\"10000-01-01T00:00:00Z\"", "finished_at"},
        {"status", "\"failed\"", "succeed"},
        {"status", "true", "status"},
        {"source", "\"postgres\"", "source"},
        {"source/engine", NULL, "engine"},
        {"source/table", "1", "table"},
        {"source/extraction", "[]", "extraction"},
        {"source/extraction/strategy", "{}", "strategy"},
        {"destination", NULL, "destination"},
        {"destination/uri", "null", "uri"},
        {"format", "1.5", "format"},
        {"compression", NULL, "compression"},
        {"schema_fingerprint", "\"0123456789abcdef\"", "schema_fingerprint"},
        {"schema_fingerprint", "\"xxh3:0123456789abcdeF\"", "schema_fingerprint"},
        {"schema_fingerprint", "\"xxh3:0123456789abcdef0\"", "schema_fingerprint"},
        {"row_count", "-1", "row_count"},
        {"row_count", "61", "row_count is 61"},
        {"row_count", "60.0", "row_count"},
        {"row_count", "\"60\"", "row_count"},
        {"part_count", "2", "part_count is 2"},
        {"part_count", "9223372036854775807", "part_count"},
        {"columns", "{}", "columns"},
        {"columns/0", "1", "column 1"},
        {"columns/0/name", NULL, "column 1 has no 'name'"},
        {"columns/0/type", "2", "type"},
        {"columns/1/nullable", "1", "nullable"},
        {"columns/1/nullable", "\"false\"", "nullable"},
        {"columns/1/checksum", "\"3c\"", "checksum"},
        {"columns/1/checksum", "\"000000000000003d\"", "checksum of column 2"},
        {"columns/1/policy_uses", "[]", "policy_uses"},
        {"columns/1/policy_uses/infinity", "-3", "infinity"},
        {"parts", NULL, "parts"},
        {"parts", "{}", "parts"},
        {"parts/1", "null", "part 2"},
        {"parts/1/path", NULL, "part 2 has no 'path'"},
        {"parts/1/path", "\"\"", "path"},
        {"parts/1/path", "\"..\"", "path"},
        {"parts/1/path", "\"/etc/passwd\"", "path"},
        {"parts/1/path", "\"../other/x.parquet\"", "path"},
        {"parts/1/path", "\"a\\\\b\"", "path"},
        {"parts/1/path", "\"a\\nb\"", "path"},
        {"parts/1/path", "\"a\\u001b[2Jb\"", "path"},
        {"parts/1/path", "\"_SUCCESS\"", "path"},
        {"parts/1/path", "\"manifest.json\"", "path"},
        {"parts/1/path", "\"manifest-orders_1.json\"", "path"},
        {"parts/1/path", "\"orders_chunk1.parquet\"", "same path"},
        {"parts/1/rows", "21", "row_count"},
        {"parts/1/rows", "9223372036854775807", "counted"},
        {"parts/1/rows", "1e3", "rows"},
        {"parts/1/size_bytes", "-1", "size_bytes"},
        {"parts/1/size_bytes", "null", "size_bytes"},
        {"parts/1/content_fingerprint", "\"md5:00\"", "content_fingerprint"},
        {"parts/1/content_md5", "\"AQECAwQFBgcICQoLDA0ODw=\"", "content_md5"},
        {"parts/1/content_md5", "\"AQECAwQFBgcICQoLDA0OD-==\"", "content_md5"},
        {"parts/1/content_md5", "\"AQECAwQFBgcICQoLDA0ODx==\"", "content_md5"},
        {"parts/1/status", "\"gone\"", "status"},
        {"parts/1/status", "\"quarantined\"", "part_count"},
        {"parts/1/chunk", "\"0\"", "chunk"},
        {"parts/1/sequence", "-1", "sequence"},
        {"parts/1/column_checksums", "[\"0000000000000001\"]", "column_checksums"},
        {"parts/1/column_checksums", "[\"0000000000000001\", 20]", "column_checksums"},
        {"parts/1/column_checksums", "\"0000000000000001\"", "column_checksums"},
        {"parts/1/column_checksums/1", "\"0000000000000015\"", "checksum of column 2"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        rv_error err = {0};
        rv_code rc = parse_changed(changes[i].path, changes[i].json, &err);
        if (rc != RV_E_MANIFEST_INVALID || !strstr(err.message, changes[i].word))
            fail_msg("%s = %s: %d %s", changes[i].path, changes[i].json ? changes[i].json : "(removed)",
                     (int)rc, err.message);
    }
}

static void what_version_1_did_not_have_may_be_missing(void **state)
{
    static const change changes[] = {
        {"source/schema", NULL, NULL},           {"source/version", "null", NULL},
        {"source/extraction", NULL, NULL},       {"columns/1/policy_uses", NULL, NULL},
        {"parts/1/content_md5", NULL, NULL},     {"parts/1/chunk", NULL, NULL},
        {"parts/1/sequence", NULL, NULL},        {"parts/1/column_checksums", NULL, NULL},
        {"columns/1/policy_uses/x", "{}", NULL}, {"something", "{\"a\":[]}", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        rv_error err = {0};
        if (parse_changed(changes[i].path, changes[i].json, &err) != RV_OK)
            fail_msg("%s: %s", changes[i].path, err.message);
    }
}

/* ---- not even JSON ---- */

static void a_text_that_is_no_json_object_is_refused_where_it_goes_wrong(void **state)
{
    static const change texts[] = {
        {"", "", "line 1"},
        {"", "[]", "not an object"},
        {"", "{", "line 1"},
        {"", "{}", "manifest_version"},
        {"", "{\"a\": 1, \"a\": 2}", "line 1"},
        {"", "{\"a\": \"\xff\"}", "line 1"},
        {"", "{\"a\": \"\\u0000\"}", "line 1"},
        {"", "{\"a\": 99999999999999999999}", "line 1"},
        {"", "{} {}", "line 1"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        rv_error err = {0};
        assert_int_equal(parse(texts[i].json, &err), RV_E_MANIFEST_INVALID);
        if (!strstr(err.message, texts[i].word))
            fail_msg("%s: %s", texts[i].json, err.message);
    }
}

static void no_shortened_manifest_is_valid(void **state)
{
    (void)state;
    RV_AUTO(rv_arena_free) rv_arena *arena = new_arena();
    rv_manifest got;
    const size_t whole = strlen(sample_text) - 1; /* it does without the last newline */
    for (size_t len = 0; len < whole; len++)
        assert_int_equal(rv_manifest_parse(sample_text, len, arena, &got, NULL), RV_E_MANIFEST_INVALID);
}

static void a_deep_document_is_refused(void **state)
{
    enum { DEPTH = 1 << 20 };
    (void)state;
    char *deep = malloc(DEPTH + 1);
    assert_non_null(deep);
    memset(deep, '[', DEPTH);
    deep[DEPTH] = '\0';
    assert_int_equal(parse(deep, NULL), RV_E_MANIFEST_INVALID);
    free(deep);
}

static void a_file_beyond_the_ceiling_is_refused_unread(void **state)
{
    (void)state;
    RV_AUTO(rv_arena_free) rv_arena *arena = new_arena();
    rv_manifest got;
    rv_error err;
    assert_int_equal(rv_manifest_parse("{", (size_t)RV_MANIFEST_MAX_BYTES + 1, arena, &got, &err),
                     RV_E_MANIFEST_INVALID);
    assert_non_null(strstr(err.message, "bytes"));
}

static void a_message_repeats_nothing_of_a_hostile_value(void **state)
{
    (void)state;
    rv_error err;
    assert_int_equal(parse_changed("parts/1/path", "\"\\u001b]0;x\\u0007../\"", &err), RV_E_MANIFEST_INVALID);
    assert_null(strchr(err.message, 0x1b));
    assert_int_equal(parse_changed("status", "\"\\u001b[2J\"", &err), RV_E_MANIFEST_INVALID);
    assert_null(strchr(err.message, 0x1b));
}

/* ---- memory ---- */

static void the_nth_allocation_of_parsing_fails_cleanly(void **state)
{
    (void)state;
    for (int n = 1;; n++) {
        rv_arena *arena = NULL;
        rv_manifest got = {0};
        rv_error err = {0};
        fault_arm(FAULT_ALLOC, n, FAULT_TRANSIENT, 0);
        rv_code rc = rv_arena_new(&arena, ARENA_BYTES, &err);
        if (rc == RV_OK)
            rc = rv_manifest_parse(sample_text, strlen(sample_text), arena, &got, &err);
        bool hit = fault_disarm();
        rv_arena_free(arena);
        if (!hit) {
            assert_int_equal(rc, RV_OK);
            break;
        }
        assert_int_equal(rc, RV_E_OUT_OF_MEMORY);
        assert_int_equal(err.code, rc);
        assert_null(got.run_id);
    }
}

/* The sample needs less than a block, so a small ceiling stands for every allocation inside the arena. */
static void an_arena_that_is_full_is_out_of_memory(void **state)
{
    (void)state;
    for (size_t max = 0;; max += 16) {
        RV_AUTO(rv_arena_free) rv_arena *arena = NULL;
        assert_int_equal(rv_arena_new(&arena, max, NULL), RV_OK);
        rv_manifest got = {0};
        rv_error err = {0};
        rv_code rc = rv_manifest_parse(sample_text, strlen(sample_text), arena, &got, &err);
        if (rc == RV_OK)
            break;
        assert_int_equal(rc, RV_E_OUT_OF_MEMORY);
        assert_true(max < ARENA_BYTES);
    }
}

static int json_countdown;
static bool json_hit;

static void *failing_json_malloc(size_t size)
{
    if (json_countdown > 0 && --json_countdown == 0) {
        json_hit = true;
        return NULL;
    }
    return malloc(size);
}

static void the_nth_allocation_of_jansson_fails_cleanly(void **state)
{
    (void)state;
    json_set_alloc_funcs(failing_json_malloc, free);
    for (int n = 1;; n++) {
        json_hit = false;
        json_countdown = n;
        rv_error err = {0};
        rv_code rc = parse(sample_text, &err);
        json_countdown = 0;
        if (!json_hit) {
            assert_int_equal(rc, RV_OK);
            break;
        }
        /* jansson calls a string that it could not hold a wrong token. */
        assert_true(rc == RV_E_OUT_OF_MEMORY || rc == RV_E_MANIFEST_INVALID);
        assert_int_equal(err.code, rc);
    }
    json_set_alloc_funcs(malloc, free);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_rendered_is_read_back_whole),
        cmocka_unit_test(a_manifest_of_version_1_without_our_additions_is_read),
        cmocka_unit_test(every_key_is_checked),
        cmocka_unit_test(what_version_1_did_not_have_may_be_missing),
        cmocka_unit_test(a_text_that_is_no_json_object_is_refused_where_it_goes_wrong),
        cmocka_unit_test(no_shortened_manifest_is_valid),
        cmocka_unit_test(a_deep_document_is_refused),
        cmocka_unit_test(a_file_beyond_the_ceiling_is_refused_unread),
        cmocka_unit_test(a_message_repeats_nothing_of_a_hostile_value),
        cmocka_unit_test(the_nth_allocation_of_parsing_fails_cleanly),
        cmocka_unit_test(an_arena_that_is_full_is_out_of_memory),
        cmocka_unit_test(the_nth_allocation_of_jansson_fails_cleanly),
    };
    return cmocka_run_group_tests_name("trust/manifest_parse", tests, NULL, NULL);
}
