#include "loading.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void run_good(loading *l, const char *text)
{
    loading_run(l, text);
    if (l->rc != RV_OK) {
        loading_print(l, "expected a good configuration");
        fail();
    }
}

static void the_smallest_configuration_has_the_defaults_of_the_contract(void **state)
{
    (void)state;
    loading l;
    loading_run_export(&l, "");
    assert_int_equal(l.rc, RV_OK);
    assert_int_equal(l.findings.n, 0);
    assert_string_equal(l.config->path, "conf/rivet.yaml");
    assert_string_equal(l.config->directory, "conf");
    assert_string_equal(l.config->source.kind, "postgres");
    assert_string_equal(l.config->source.display, "postgresql://etl@db1:5432/shop");
    assert_int_equal(l.config->source.tls.mode, RV_TLS_UNSET);
    assert_int_equal(l.config->n_exports, 1);
    const rv_export_config *e = &l.config->exports[0];
    assert_string_equal(e->name, "e");
    assert_int_equal(e->mode, RV_MODE_FULL);
    assert_int_equal(e->relation.kind, RV_RELATION_TABLE);
    assert_null(e->relation.schema);
    assert_string_equal(e->relation.table, "t");
    assert_int_equal(e->format.kind, RV_FORMAT_PARQUET);
    assert_int_equal(e->format.codec, RV_CODEC_ZSTD);
    assert_int_equal(e->format.level, 0);
    assert_string_equal(e->dest.kind, "local");
    assert_string_equal(e->dest.path, "out");
    assert_int_equal(e->on_existing, RV_EXISTING_APPEND);
    assert_int_equal(e->consistency, RV_CONSISTENCY_SNAPSHOT);
    assert_false(e->skip_empty || e->row_security_acknowledged || e->schema.strict);
    assert_int_equal(e->schema.n_overrides, 0);
    for (int i = 0; i < RV_INVALID_CLASSES; i++)
        assert_int_equal(e->schema.on_invalid[i], RV_POLICY_FAIL);
    loading_end(&l);
}

static void everything_that_is_given_arrives(void **state)
{
    (void)state;
    loading l;
    run_good(&l, "source:\n"
                 "  type: postgresql\n"
                 "  host: /run/pg\n"
                 "  port: 5433\n"
                 "  user: etl\n"
                 "  password_env: PW\n"
                 "  database: shop\n"
                 "  tls: {mode: verify-ca, ca_file: ca.pem, accept_invalid_hostnames: true}\n"
                 "exports:\n"
                 "- name: e\n"
                 "  query: \"SELECT 1 -- ; kept\\nFROM t ; \\n;\"\n"
                 "  format: csv\n"
                 "  csv: {delimiter: \"\\t\", 'null': '\\N', header: false, line_ending: crlf}\n"
                 "  compression_profile: none\n"
                 "  skip_empty: true\n"
                 "  consistency: statement\n"
                 "  row_security: acknowledge\n"
                 "  strict: true\n"
                 "  destination: {type: stdout}\n");
    const rv_source_config *s = &l.config->source;
    assert_string_equal(s->host, "/run/pg");
    assert_int_equal(s->port, 5433);
    assert_string_equal(s->user, "etl");
    assert_string_equal(s->database, "shop");
    assert_string_equal(rv_secret_reveal(s->password), "s3cr3t${N}"); /* taken as it is */
    assert_int_equal(s->tls.mode, RV_TLS_VERIFY_CA);
    assert_string_equal(s->tls.ca_file, "conf/ca.pem");
    assert_true(s->tls.accept_invalid_hostnames && !s->tls.accept_invalid_certs);
    assert_string_equal(s->display, "postgresql://etl@%2Frun%2Fpg:5433/shop");
    const rv_export_config *e = &l.config->exports[0];
    assert_int_equal(e->relation.kind, RV_RELATION_QUERY);
    assert_string_equal(e->relation.query, "SELECT 1 -- ; kept\nFROM t");
    assert_int_equal(e->format.kind, RV_FORMAT_CSV);
    assert_int_equal(e->format.codec, RV_CODEC_NONE);
    assert_int_equal(e->format.csv.delimiter, '\t');
    assert_string_equal(e->format.csv.null_text, "\\N");
    assert_false(e->format.csv.header);
    assert_string_equal(e->format.csv.line_ending, "\r\n");
    assert_string_equal(e->dest.kind, "stdout");
    assert_null(e->dest.path);
    assert_int_equal(e->consistency, RV_CONSISTENCY_STATEMENT);
    assert_true(e->skip_empty && e->row_security_acknowledged && e->schema.strict);
    loading_end(&l);
}

static void what_a_run_exports_arrives(void **state)
{
    (void)state;
    loading l;
    loading_run_export(
        &l, "    mode: incremental\n    cursor_column: updated_at\n    cursor_fallback_column: created_at\n"
            "    incremental_cursor_mode: coalesce\n    cursor_lookback: 2h\n"
            "    keyset_incremental: true\n    chunk_by_key: [tenant, id]\n    chunk_size: 5000\n"
            "    parallel: 3\n    chunk_max_attempts: 7\n    on_interrupted: restart\n"
            "    on_schema_drift: fail\n    shape_drift_warn_factor: 1.5\n"
            "    meta_columns: {exported_at: true, row_hash: [a, b]}\n"
            "    quality: {row_count_min: 0, null_ratio_max: {a: 0.25}, unique_columns: [id]}\n"
            "    tuning: {max_retries: 9, adaptive: true, min_parallel: 8, max_rows_per_s: 50,\n"
            "             on_batch_memory_exceeded: auto_shrink}\n");
    assert_int_equal(l.rc, RV_OK);
    const rv_export_config *e = &l.config->exports[0];
    assert_int_equal(e->mode, RV_MODE_INCREMENTAL);
    assert_int_equal(e->consistency, RV_CONSISTENCY_STATEMENT);
    assert_int_equal(e->cursor.key.n_columns, 1);
    assert_string_equal(e->cursor.key.columns[0], "updated_at");
    assert_string_equal(e->cursor.fallback, "created_at");
    assert_int_equal(e->cursor.lookback_us, INT64_C(7200000000));
    assert_int_equal(e->cursor.lookback_units, -1);
    assert_true(e->cursor.by_key);
    assert_int_equal(e->chunk.by_key.n_columns, 2);
    assert_string_equal(e->chunk.by_key.columns[1], "id");
    assert_int_equal(e->chunk.size, 5000);
    assert_int_equal(e->chunk.max_attempts, 7);
    assert_int_equal(e->parallel, 3);
    assert_int_equal(e->on_interrupted, RV_INTERRUPTED_RESTART);
    assert_int_equal(e->on_schema_drift, RV_DRIFT_FAIL);
    assert_true(e->shape_drift_warn_factor > 1.49 && e->shape_drift_warn_factor < 1.51);
    assert_true(e->meta.exported_at && e->meta.row_hash);
    assert_int_equal(e->meta.n_row_hash_columns, 2);
    assert_int_equal(e->quality.row_count_min, 0);
    assert_int_equal(e->quality.row_count_max, -1);
    assert_int_equal(e->quality.n_null_ratios, 1);
    assert_string_equal(e->quality.unique_columns[0], "id");
    assert_int_equal(e->tuning.max_retries, 9);
    assert_int_equal(e->tuning.retry_backoff_ms, 2000);
    assert_true(e->tuning.adaptive);
    assert_int_equal(e->tuning.min_parallel, 3); /* not above `parallel` */
    assert_int_equal(e->tuning.max_rows_per_s, 50);
    assert_int_equal(e->tuning.on_batch_memory_exceeded, RV_BATCH_AUTO_SHRINK);
    loading_end(&l);
}

static void windows_and_partitions_arrive(void **state)
{
    (void)state;
    loading l;
    loading_run_export(
        &l, "    mode: time_window\n    time_column: t\n    time_column_type: unix\n    days_window: 3\n"
            "    partition_by: d\n    partition_granularity: month\n    consistency: snapshot\n"
            "    meta_columns: {row_hash: true}\n"
            "    destination: {type: local, path: 'x/{partition}'}\n");
    assert_int_equal(l.rc, RV_OK);
    const rv_export_config *e = &l.config->exports[0];
    assert_int_equal(e->mode, RV_MODE_TIME_WINDOW);
    assert_int_equal(e->consistency, RV_CONSISTENCY_SNAPSHOT); /* given: it stands */
    assert_string_equal(e->time_window.column, "t");
    assert_true(e->time_window.unix_seconds);
    assert_int_equal(e->time_window.days, 3);
    assert_string_equal(e->partition.column, "d");
    assert_int_equal(e->partition.granularity, RV_GRANULARITY_MONTH);
    assert_null(e->partition.label);
    assert_true(e->meta.row_hash);
    assert_null(e->meta.row_hash_columns);
    loading_end(&l);
}

static void a_lookback_is_a_time_or_a_number_or_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t us, units;
    } cases[] = {{"", INT64_C(900000000), 10000},
                 {"    cursor_lookback: 90s\n", 90000000, -1},
                 {"    cursor_lookback: 0\n", 0, 0},
                 {"    cursor_lookback: 0m\n", 0, 0},
                 {"    cursor_lookback: 500\n", -1, 500},
                 {"    cursor_lookback: 36500d\n", INT64_C(36500) * 86400000000, -1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        loading l;
        char text[256];
        snprintf(text, sizeof text, "    mode: incremental\n    cursor_column: [t, id]\n%s", cases[i].text);
        loading_run_export(&l, text);
        assert_int_equal(l.rc, RV_OK);
        const rv_cursor_config *cursor = &l.config->exports[0].cursor;
        assert_int_equal(cursor->key.n_columns, 2);
        assert_int_equal(cursor->lookback_us, cases[i].us);
        assert_int_equal(cursor->lookback_units, cases[i].units);
        loading_end(&l);
    }
}

static void exports_at_the_same_time_are_threads_within_a_limit(void **state)
{
    (void)state;
    loading l;
    loading_run(
        &l,
        "source: {path: x.db, type: sqlite, max_connections: 6}\nparallel_export_processes: true\nexports:\n"
        "- {name: e, table: t, format: csv, destination: {type: stdout}}\n");
    assert_int_equal(l.rc, RV_OK);
    assert_true(l.config->parallel_exports);
    assert_int_equal(l.config->max_connections, 6);
    assert_int_equal(l.findings.n, 1); /* a warning that processes are threads */
    assert_true(l.findings.items[0].warning);
    loading_end(&l);
}

static void the_shape_of_files_arrives_in_bytes(void **state)
{
    (void)state;
    loading l;
    loading_run_export(&l, "");
    const rv_format_config *format = &l.config->exports[0].format;
    assert_int_equal(format->max_file_bytes, 0);
    assert_int_equal(format->parquet.row_groups, RV_ROW_GROUPS_AUTO);
    assert_int_equal(format->parquet.target_bytes, 128 << 20);
    assert_int_equal(format->parquet.max_bytes, 0);
    loading_end(&l);
    loading_run_export(&l, "    max_file_size: 1.5GB\n    parquet:\n      row_group_strategy: fixed_rows\n"
                           "      row_group_rows: 99999999\n      max_row_group_mb: 64\n");
    assert_int_equal(l.rc, RV_OK);
    format = &l.config->exports[0].format;
    assert_int_equal(format->max_file_bytes, INT64_C(3) << 29);
    assert_int_equal(format->parquet.row_groups, RV_ROW_GROUPS_FIXED_ROWS);
    assert_int_equal(format->parquet.rows, RV_ROW_GROUP_ROWS_MAX);
    assert_int_equal(format->parquet.max_bytes, 64 << 20);
    loading_end(&l);
}

static void csv_has_the_defaults_of_the_rfc(void **state)
{
    (void)state;
    loading l;
    loading_run_export(&l, "    format: csv\n");
    assert_int_equal(l.rc, RV_OK);
    const rv_format_config *format = &l.config->exports[0].format;
    assert_int_equal(format->codec, RV_CODEC_NONE);
    assert_int_equal(format->csv.delimiter, ',');
    assert_string_equal(format->csv.null_text, "");
    assert_true(format->csv.header);
    assert_string_equal(format->csv.line_ending, "\n");
    loading_end(&l);
}

static void compression_profiles_set_codec_and_level(void **state)
{
    (void)state;
    static const struct {
        const char *more;
        rv_codec codec;
        int level;
    } cases[] = {
        {"    compression: none\n", RV_CODEC_NONE, 0},
        {"    compression_level: 7\n", RV_CODEC_ZSTD, 7},
        {"    compression: snappy\n", RV_CODEC_SNAPPY, 0},
        {"    compression: lz4\n", RV_CODEC_LZ4, 0},
        {"    compression: gzip\n", RV_CODEC_GZIP, 0},
        {"    compression_profile: fast\n", RV_CODEC_SNAPPY, 0},
        {"    compression: gzip\n    compression_profile: fast\n", RV_CODEC_SNAPPY, 0},
        {"    compression_profile: balanced\n", RV_CODEC_ZSTD, 3},
        {"    compression_profile: compact\n", RV_CODEC_ZSTD, 9},
        {"    compression_profile: none\n", RV_CODEC_NONE, 0},
        {"    compression: none\n    compression_profile: compact\n", RV_CODEC_ZSTD, 9},
        {"    compression_profile: compact\n    compression_level: 1\n", RV_CODEC_ZSTD, 9},
        {"    format: csv\n", RV_CODEC_NONE, 0}, /* zstd is Parquet's default */
        {"    format: csv\n    compression: zstd\n", RV_CODEC_ZSTD, 0},
        {"    format: csv\n    compression: gzip\n    compression_level: 9\n", RV_CODEC_GZIP, 9},
        {"    format: csv\n    compression_profile: compact\n", RV_CODEC_ZSTD, 9},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        loading l;
        loading_run_export(&l, cases[i].more);
        assert_int_equal(l.rc, RV_OK);
        assert_int_equal(l.config->exports[0].format.codec, cases[i].codec);
        assert_int_equal(l.config->exports[0].format.level, cases[i].level);
        loading_end(&l);
    }
}

static void bloom_filters_are_a_list_of_columns(void **state)
{
    (void)state;
    loading l;
    loading_run_export(&l, "    parquet:\n      bloom: [id, 'E Mail']\n");
    assert_int_equal(l.rc, RV_OK);
    const rv_parquet_options *parquet = &l.config->exports[0].format.parquet;
    assert_int_equal(parquet->n_bloom, 2);
    assert_string_equal(parquet->bloom[0], "id");
    assert_string_equal(parquet->bloom[1], "E Mail");
    loading_end(&l);
    loading_run_export(&l, "");
    assert_int_equal(l.config->exports[0].format.parquet.n_bloom, 0);
    loading_end(&l);
}

/* ---- tuning -------------------------------------------------------------------------------------------- */

static rv_tuning tuning_of(const char *source_keys, const char *export_tuning)
{
    char text[1024];
    loading l;
    snprintf(text, sizeof text,
             "source: {url_env: URL%s}\n"
             "exports: [{name: e, table: t, format: csv, destination: {type: stdout}%s}]\n",
             source_keys, export_tuning);
    run_good(&l, text);
    rv_tuning tuning = l.config->exports[0].tuning;
    loading_end(&l);
    return tuning;
}

static void each_profile_has_its_own_defaults(void **state)
{
    (void)state;
    static const struct {
        const char *source;
        rv_tuning expected;
    } cases[] = {
        {"",
         {.profile = RV_PROFILE_BALANCED,
          .statement_timeout_s = 300,
          .lock_timeout_s = 30,
          .statement_target_ms = 250,
          .duty_percent = 100,
          .max_value_mb = 256,
          .max_snapshot_age_s = 1800}},
        {", tuning: {profile: fast}",
         {.profile = RV_PROFILE_FAST, .statement_target_ms = 1000, .duty_percent = 100, .max_value_mb = 256}},
        {", tuning: {profile: safe}",
         {.profile = RV_PROFILE_SAFE,
          .statement_timeout_s = 120,
          .lock_timeout_s = 10,
          .statement_target_ms = 100,
          .duty_percent = 50,
          .max_value_mb = 256,
          .max_snapshot_age_s = 600}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rv_tuning t = tuning_of(cases[i].source, "");
        const rv_tuning *x = &cases[i].expected;
        assert_int_equal(t.profile, x->profile);
        assert_int_equal(t.batch_size, 0);
        assert_int_equal(t.batch_size_memory_mb, 0);
        assert_int_equal(t.throttle_ms, 0);
        assert_false(t.throttle_given);
        assert_int_equal(t.statement_timeout_s, x->statement_timeout_s);
        assert_int_equal(t.lock_timeout_s, x->lock_timeout_s);
        assert_int_equal(t.statement_target_ms, x->statement_target_ms);
        assert_int_equal(t.duty_percent, x->duty_percent);
        assert_int_equal(t.max_value_mb, x->max_value_mb);
        assert_int_equal(t.max_snapshot_age_s, x->max_snapshot_age_s);
    }
}

static void the_nearest_profile_wins_and_environment_comes_last(void **state)
{
    (void)state;
    assert_int_equal(tuning_of(", environment: local", "").profile, RV_PROFILE_FAST);
    assert_int_equal(tuning_of(", environment: replica", "").profile, RV_PROFILE_BALANCED);
    assert_int_equal(tuning_of(", environment: production", "").profile, RV_PROFILE_BALANCED);
    assert_int_equal(tuning_of(", environment: local, tuning: {profile: safe}", "").profile, RV_PROFILE_SAFE);
    assert_int_equal(tuning_of(", environment: local", ", tuning: {profile: balanced}").profile,
                     RV_PROFILE_BALANCED);
    assert_int_equal(tuning_of(", tuning: {profile: fast}", ", tuning: {profile: safe}").statement_target_ms,
                     100);
}

static void the_exports_tuning_wins_key_by_key(void **state)
{
    (void)state;
    rv_tuning t = tuning_of(", tuning: {profile: safe, batch_size: 10, lock_timeout_s: 1, throttle_ms: 0}",
                            ", tuning: {batch_size: 20, max_value_mb: 0}");
    assert_int_equal(t.profile, RV_PROFILE_SAFE);
    assert_int_equal(t.batch_size, 20);
    assert_int_equal(t.lock_timeout_s, 1);
    assert_int_equal(t.max_value_mb, 0);
    assert_int_equal(t.statement_timeout_s, 120);
    assert_true(t.throttle_given); /* zero was said */
    assert_int_equal(t.throttle_ms, 0);
}

/* ---- columns ------------------------------------------------------------------------------------------- */

static void columns_take_types_and_policies(void **state)
{
    (void)state;
    loading l;
    loading_run_export(&l, "    on_invalid: {infinity: clamp, nan: \"null\"}\n"
                           "    columns:\n"
                           "      a: numeric(10,2)\n"
                           "      b: {type: text, on_invalid: null}\n"
                           "      c: {on_invalid: {range: clamp}}\n"
                           "      \"Ä b.c\": timestamp_tz_ns\n");
    assert_int_equal(l.rc, RV_OK);
    const rv_schema_options *s = &l.config->exports[0].schema;
    assert_int_equal(s->on_invalid[RV_INVALID_INFINITY], RV_POLICY_CLAMP);
    assert_int_equal(s->on_invalid[RV_INVALID_NAN], RV_POLICY_NULL);
    assert_int_equal(s->on_invalid[RV_INVALID_RANGE], RV_POLICY_FAIL);
    assert_int_equal(s->n_overrides, 4);
    const rv_column_override *o = s->overrides;
    assert_string_equal(o[0].column, "a");
    assert_int_equal(o[0].type.id, RV_TYPE_DECIMAL);
    assert_int_equal(o[0].type.precision, 10);
    assert_int_equal(o[0].type.scale, 2);
    assert_false(o[0].has_policy[RV_INVALID_NAN]);
    assert_int_equal(o[1].type.id, RV_TYPE_STRING);
    for (int i = 0; i < RV_INVALID_CLASSES; i++)
        assert_true(o[1].has_policy[i] && o[1].policy[i] == RV_POLICY_NULL);
    assert_int_equal(o[2].type.id, RV_TYPE_INVALID);
    assert_true(o[2].has_policy[RV_INVALID_RANGE] && o[2].policy[RV_INVALID_RANGE] == RV_POLICY_CLAMP);
    assert_false(o[2].has_policy[RV_INVALID_NAN]);
    assert_string_equal(o[3].column, "Ä b.c");
    assert_int_equal(o[3].type.id, RV_TYPE_TIMESTAMP_TZ_NS);
    loading_end(&l);
}

static void one_policy_is_for_all_classes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        rv_policy policy;
    } cases[] = {{"fail", RV_POLICY_FAIL},
                 {"null", RV_POLICY_NULL},
                 {"clamp", RV_POLICY_CLAMP},
                 {"'text'", RV_POLICY_TEXT}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char more[64];
        loading l;
        snprintf(more, sizeof more, "    on_invalid: %s\n", cases[i].text);
        loading_run_export(&l, more);
        assert_int_equal(l.rc, RV_OK);
        for (int c = 0; c < RV_INVALID_CLASSES; c++)
            assert_int_equal(l.config->exports[0].schema.on_invalid[c], cases[i].policy);
        loading_end(&l);
    }
}

/* ---- tables and queries -------------------------------------------------------------------------------- */

static void any_table_can_be_named(void **state)
{
    (void)state;
    static const struct {
        const char *text, *schema, *table; /* table NULL: refused */
    } cases[] = {
        {"t", NULL, "t"},
        {"public.orders", "public", "orders"},
        {"Public.Orders", "Public", "Orders"},
        {"a.b.c", "a", "b.c"},
        {"\"we.ird\".\"t\"\"x\"", "we.ird", "t\"x"},
        {"\"a.b\"", NULL, "a.b"},
        {"\"a\".b.c", "a", "b.c"},
        {"a.\"b.c\"", "a", "b.c"},
        {"\"\"\"\"", NULL, "\""},
        {"a b.ü-ö", "a b", "ü-ö"},
        {"\"a\nb\"", NULL, "a\nb"},
        {"\"a", NULL, NULL},
        {"\"\"", NULL, NULL},
        {"\"a\"b", NULL, NULL},
        {"a\"b", NULL, "a\"b"}, /* a quote that does not begin a part is part of the name */
        {"a.b\"c\"\"", "a", "b\"c\"\""},
        {"a\".\"b.c\"", "a\"", "b.c"},
        {"a.", NULL, NULL},
        {".a", NULL, NULL},
        {"\"a\".", NULL, NULL},
        {"\"a\".\"b\".c", NULL, NULL},
        {"\"a\".\"b\"c", NULL, NULL},
        {"a.\"\"", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        RV_AUTO(rv_arena_free) rv_arena *arena = NULL;
        rv_relation relation = {.table = NULL};
        assert_int_equal(rv_arena_new(&arena, 1 << 16, NULL), RV_OK);
        rv_code rc = rv_relation_parse_table(arena, cases[i].text, &relation, NULL);
        if (!cases[i].table) {
            assert_int_equal(rc, RV_E_CONFIG_VALUE);
            assert_null(relation.table);
            continue;
        }
        assert_int_equal(rc, RV_OK);
        assert_string_equal(relation.table, cases[i].table);
        assert_true(!relation.schema == !cases[i].schema);
        if (relation.schema)
            assert_string_equal(relation.schema, cases[i].schema);
    }
}

static void a_table_that_cannot_be_read_is_a_problem_at_its_place(void **state)
{
    (void)state;
    loading l;
    loading_run_export(&l, "    table: 'a.\"b'\n");
    assert_int_equal(l.rc, RV_E_CONFIG_VALUE);
    assert_int_equal(l.findings.items[0].line, 7);
    assert_int_equal(l.findings.items[0].column, 12);
    loading_end(&l);
}

static void a_query_of_blanks_and_semicolons_is_none(void **state)
{
    (void)state;
    loading l;
    loading_run_export(&l, "    query: ' ; ; '\n");
    assert_int_equal(l.rc, RV_E_CONFIG_VALUE);
    assert_true(loading_mentions(&l, "the query is empty"));
    loading_end(&l);
}

/* ---- SQLite and the rest ------------------------------------------------------------------------------- */

static void a_sqlite_file_is_looked_for_beside_the_configuration(void **state)
{
    (void)state;
    static const struct {
        const char *source, *path;
    } cases[] = {
        {"path: app.db", "conf/app.db"},         {"path: /data/app.db", "/data/app.db"},
        {"url: 'sqlite:app.db'", "conf/app.db"}, {"url: 'sqlite:///data/app.db'", "/data/app.db"},
        {"url_env: SQLITE_URL", "/data/app.db"}, {"path: 'file:app.db?mode=rw'", "conf/file:app.db?mode=rw"},
        {"path: ':memory:'", "conf/:memory:"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[256];
        loading l;
        snprintf(text, sizeof text, "source: {%s}", cases[i].source);
        loading_run_source(&l, text);
        assert_int_equal(l.rc, RV_OK);
        assert_string_equal(l.config->source.kind, "sqlite");
        assert_string_equal(l.config->source.path, cases[i].path);
        assert_null(l.config->source.host);
        loading_end(&l);
    }
}

static void a_server_is_of_the_kind_that_its_type_says(void **state)
{
    (void)state;
    static const char *const types[] = {"mysql", "mariadb"};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        char text[256];
        loading l;
        snprintf(text, sizeof text, "source: {type: %s, host: db1, user: etl, database: shop}", types[i]);
        loading_run_source(&l, text);
        assert_int_equal(l.rc, RV_OK);
        assert_string_equal(l.config->source.kind, "mysql");
        assert_string_equal(l.config->source.host, "db1");
        assert_string_equal(l.config->source.display, "mysql://etl@db1/shop");
        loading_end(&l);
    }
}

static void an_export_is_found_by_name_or_the_nearest_is_suggested(void **state)
{
    (void)state;
    loading l;
    const char *suggestion = "untouched";
    run_good(&l, "source: {url_env: URL}\n"
                 "exports:\n"
                 "- {name: orders, table: t, format: csv, destination: {type: stdout}}\n"
                 "- {name: users, table: t, format: csv, destination: {type: stdout}}\n");
    assert_ptr_equal(rv_config_export(l.config, "users", NULL), &l.config->exports[1]);
    assert_null(rv_config_export(l.config, "user", &suggestion));
    assert_string_equal(suggestion, "users");
    assert_null(rv_config_export(l.config, "zzzzzzzz", &suggestion));
    assert_null(suggestion);
    loading_end(&l);
}

static void encodings_of_columns_arrive_by_name(void **state)
{
    (void)state;
    loading l;
    loading_run_export(&l, "    parquet: {compat: modern, encoding: {id: delta, \"odd name\": rle}}\n");
    assert_int_equal(l.rc, RV_OK);
    const rv_parquet_options *parquet = &l.config->exports[0].format.parquet;
    assert_int_equal(parquet->compat, RV_PARQUET_MODERN);
    assert_int_equal(parquet->n_columns, 2);
    assert_string_equal(parquet->columns[0].column, "id");
    assert_int_equal(parquet->columns[0].encoding, RV_ENCODING_DELTA);
    assert_string_equal(parquet->columns[1].column, "odd name");
    assert_int_equal(parquet->columns[1].encoding, RV_ENCODING_RLE);
    loading_end(&l);
    loading_run_export(&l, "");
    assert_int_equal(l.config->exports[0].format.parquet.compat, RV_PARQUET_DEFAULT);
    assert_int_equal(l.config->exports[0].format.parquet.n_columns, 0);
    loading_end(&l);
}

static void enumerations_have_names(void **state)
{
    (void)state;
    assert_string_equal(rv_profile_name(RV_PROFILE_SAFE), "safe");
    assert_string_equal(rv_codec_name(RV_CODEC_ZSTD), "zstd");
    assert_string_equal(rv_parquet_encoding_name(RV_ENCODING_DELTA_LENGTH), "delta_length");
    assert_string_equal(rv_format_name(RV_FORMAT_PARQUET), "parquet");
    assert_string_equal(rv_format_name(RV_FORMAT_CSV), "csv");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_smallest_configuration_has_the_defaults_of_the_contract),
        cmocka_unit_test(everything_that_is_given_arrives),
        cmocka_unit_test(what_a_run_exports_arrives),
        cmocka_unit_test(windows_and_partitions_arrive),
        cmocka_unit_test(a_lookback_is_a_time_or_a_number_or_nothing),
        cmocka_unit_test(exports_at_the_same_time_are_threads_within_a_limit),
        cmocka_unit_test(the_shape_of_files_arrives_in_bytes),
        cmocka_unit_test(csv_has_the_defaults_of_the_rfc),
        cmocka_unit_test(compression_profiles_set_codec_and_level),
        cmocka_unit_test(bloom_filters_are_a_list_of_columns),
        cmocka_unit_test(each_profile_has_its_own_defaults),
        cmocka_unit_test(the_nearest_profile_wins_and_environment_comes_last),
        cmocka_unit_test(the_exports_tuning_wins_key_by_key),
        cmocka_unit_test(columns_take_types_and_policies),
        cmocka_unit_test(one_policy_is_for_all_classes),
        cmocka_unit_test(any_table_can_be_named),
        cmocka_unit_test(a_table_that_cannot_be_read_is_a_problem_at_its_place),
        cmocka_unit_test(a_query_of_blanks_and_semicolons_is_none),
        cmocka_unit_test(a_sqlite_file_is_looked_for_beside_the_configuration),
        cmocka_unit_test(a_server_is_of_the_kind_that_its_type_says),
        cmocka_unit_test(an_export_is_found_by_name_or_the_nearest_is_suggested),
        cmocka_unit_test(encodings_of_columns_arrive_by_name),
        cmocka_unit_test(enumerations_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
