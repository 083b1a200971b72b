/* From the source's schema to the file's: overrides, policies, strictness. */
#include "support.h"

#include "rivet/schema.h"

static rv_field field(const char *name, rv_type type)
{
    return (rv_field){.name = name, .native_type = "native", .natural = type, .type = type};
}

/* Resolve one field; the arena stays with the caller's schema for the test's life and is freed by the test. */
static rv_code resolve_one(rv_arena *arena, rv_field *source, const rv_schema_options *options, rv_field *out,
                           rv_error *err)
{
    rv_schema schema = {.fields = source, .n_fields = 1, .origin = "public.t"}, resolved = {0};
    rv_code rc = rv_schema_resolve(arena, &schema, options, &resolved, err);
    if (rc == RV_OK)
        *out = resolved.fields[0];
    return rc;
}

static rv_arena *new_arena(void)
{
    rv_arena *arena = NULL;
    assert_int_equal(rv_arena_new(&arena, 1 << 20, NULL), RV_OK);
    return arena;
}

static void without_options_a_schema_is_copied_as_it_is(void **state)
{
    (void)state;
    RV_AUTO(rv_arena_free) rv_arena *arena = new_arena();
    rv_schema_options options = {0};
    rv_field source = field("amount", decimal(10, 2)), out = {0};
    assert_int_equal(resolve_one(arena, &source, &options, &out, NULL), RV_OK);
    assert_string_equal(out.name, "amount");
    assert_ptr_not_equal(out.name, source.name);
    assert_true(rv_type_equal(out.type, decimal(10, 2)));
    assert_int_equal(out.transfer, RV_TRANSFER_NATIVE);
    assert_int_equal(out.fidelity, RV_FIDELITY_EXACT);
    assert_false(out.nullable);
}

static void an_override_is_read_through_text(void **state)
{
    (void)state;
    static const struct {
        rv_type_id natural, override;
        rv_transfer transfer;
        rv_fidelity fidelity;
    } cases[] = {
        {RV_TYPE_INT64, RV_TYPE_INT64, RV_TRANSFER_NATIVE, RV_FIDELITY_EXACT},
        {RV_TYPE_INT32, RV_TYPE_INT64, RV_TRANSFER_TEXT, RV_FIDELITY_COMPATIBLE},
        {RV_TYPE_STRING, RV_TYPE_UUID, RV_TRANSFER_TEXT, RV_FIDELITY_COMPATIBLE},
        {RV_TYPE_INT64, RV_TYPE_STRING, RV_TRANSFER_TEXT, RV_FIDELITY_LOGICAL_STRING},
        {RV_TYPE_JSON, RV_TYPE_STRING, RV_TRANSFER_TEXT, RV_FIDELITY_COMPATIBLE},
        {RV_TYPE_STRING, RV_TYPE_FLOAT64, RV_TRANSFER_TEXT, RV_FIDELITY_LOSSY},
        {RV_TYPE_FLOAT32, RV_TYPE_FLOAT64, RV_TRANSFER_TEXT, RV_FIDELITY_COMPATIBLE},
        {RV_TYPE_TIMESTAMP_TZ, RV_TYPE_TIMESTAMP, RV_TRANSFER_TEXT, RV_FIDELITY_LOSSY},
        {RV_TYPE_TIMESTAMP, RV_TYPE_TIMESTAMP_NS, RV_TRANSFER_TEXT, RV_FIDELITY_COMPATIBLE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        RV_AUTO(rv_arena_free) rv_arena *arena = new_arena();
        rv_column_override override = {.column = "c", .type = {.id = cases[i].override}};
        rv_schema_options options = {.overrides = &override, .n_overrides = 1};
        rv_field source = field("c", scalar(cases[i].natural)), out = {0};
        assert_int_equal(resolve_one(arena, &source, &options, &out, NULL), RV_OK);
        assert_int_equal(out.type.id, cases[i].override);
        assert_int_equal(out.natural.id, cases[i].natural);
        assert_int_equal(out.transfer, cases[i].transfer);
        assert_int_equal(out.fidelity, cases[i].fidelity);
    }
}

static void the_text_policy_turns_a_column_that_may_need_it_into_text(void **state)
{
    (void)state;
    RV_AUTO(rv_arena_free) rv_arena *arena = new_arena();
    rv_schema_options options = {.on_invalid = {[RV_INVALID_INFINITY] = RV_POLICY_TEXT}};
    rv_field date = field("d", scalar(RV_TYPE_DATE)), number = field("n", scalar(RV_TYPE_INT64)), out = {0};
    assert_int_equal(resolve_one(arena, &date, &options, &out, NULL), RV_OK);
    assert_int_equal(out.type.id, RV_TYPE_STRING);
    assert_int_equal(out.transfer, RV_TRANSFER_TEXT);
    assert_int_equal(out.fidelity, RV_FIDELITY_LOGICAL_STRING);
    assert_int_equal(resolve_one(arena, &number, &options, &out, NULL), RV_OK);
    assert_int_equal(out.type.id, RV_TYPE_INT64);
}

/* A text that somebody promised to be JSON is still a text when it is none; no policy makes it another encoding. */
static void the_text_policy_lets_json_be_what_it_is(void **state)
{
    (void)state;
    RV_AUTO(rv_arena_free) rv_arena *arena = new_arena();
    rv_schema_options options = {.on_invalid = {[RV_INVALID_UNPARSEABLE] = RV_POLICY_TEXT}};
    rv_field json = field("j", scalar(RV_TYPE_JSON)), out = {0};
    assert_int_equal(resolve_one(arena, &json, &options, &out, NULL), RV_OK);
    assert_int_equal(out.type.id, RV_TYPE_JSON); /* this source lets in nothing else */
    json.loose = true;
    assert_int_equal(resolve_one(arena, &json, &options, &out, NULL), RV_OK);
    assert_int_equal(out.type.id, RV_TYPE_STRING);
    options = (rv_schema_options){.on_invalid = {[RV_INVALID_ENCODING] = RV_POLICY_TEXT}};
    assert_int_equal(resolve_one(arena, &json, &options, &out, NULL), RV_OK);
    assert_int_equal(out.type.id, RV_TYPE_JSON);
}

static void the_null_policy_makes_a_column_that_may_need_it_nullable(void **state)
{
    (void)state;
    RV_AUTO(rv_arena_free) rv_arena *arena = new_arena();
    rv_schema_options options = {.on_invalid = {[RV_INVALID_NAN] = RV_POLICY_NULL}};
    rv_field amount = field("a", decimal(10, 2)), day = field("d", scalar(RV_TYPE_DATE)), out = {0};
    assert_int_equal(resolve_one(arena, &amount, &options, &out, NULL), RV_OK);
    assert_true(out.nullable);
    assert_int_equal(resolve_one(arena, &day, &options, &out, NULL), RV_OK);
    assert_false(out.nullable);
}

static void policies_for_odd_values_leave_columns_alone_whose_source_enforces_their_type(void **state)
{
    (void)state;
    RV_AUTO(rv_arena_free) rv_arena *arena = new_arena();
    rv_schema_options options = {
        .on_invalid = {[RV_INVALID_UNPARSEABLE] = RV_POLICY_NULL, [RV_INVALID_RANGE] = RV_POLICY_NULL}};
    rv_field strict = field("n", scalar(RV_TYPE_INT64)), loose = strict, out = {0};
    loose.loose = true;
    assert_int_equal(resolve_one(arena, &strict, &options, &out, NULL), RV_OK);
    assert_false(out.nullable);
    assert_int_equal(resolve_one(arena, &loose, &options, &out, NULL), RV_OK);
    assert_true(out.nullable);
    rv_column_override override = {.column = "n", .type = {.id = RV_TYPE_INT16}};
    options.overrides = &override;
    options.n_overrides = 1;
    assert_int_equal(resolve_one(arena, &strict, &options, &out, NULL), RV_OK);
    assert_true(out.nullable);
}

static void the_null_policy_makes_any_column_of_a_loose_source_nullable(void **state)
{
    (void)state;
    RV_AUTO(rv_arena_free) rv_arena *arena = new_arena();
    rv_schema_options options = {.on_invalid[RV_INVALID_UNPARSEABLE] = RV_POLICY_NULL};
    rv_field loose = field("note", scalar(RV_TYPE_STRING)), out = {0}; /* a blob may stand in a text column */
    loose.loose = true;
    assert_int_equal(resolve_one(arena, &loose, &options, &out, NULL), RV_OK);
    assert_true(out.nullable);
}

static void a_columns_own_policy_wins_over_the_exports(void **state)
{
    (void)state;
    RV_AUTO(rv_arena_free) rv_arena *arena = new_arena();
    rv_column_override override = {.column = "d"};
    override.has_policy[RV_INVALID_INFINITY] = true;
    override.policy[RV_INVALID_INFINITY] = RV_POLICY_CLAMP;
    rv_schema_options options = {
        .overrides = &override,
        .n_overrides = 1,
        .on_invalid = {[RV_INVALID_INFINITY] = RV_POLICY_TEXT, [RV_INVALID_ZERO_DATE] = RV_POLICY_NULL}};
    rv_field source = field("d", scalar(RV_TYPE_DATE)), out = {0};
    assert_int_equal(resolve_one(arena, &source, &options, &out, NULL), RV_OK);
    assert_int_equal(out.type.id, RV_TYPE_DATE);
    assert_int_equal(out.on_invalid[RV_INVALID_INFINITY], RV_POLICY_CLAMP);
    assert_int_equal(out.on_invalid[RV_INVALID_ZERO_DATE], RV_POLICY_NULL);
    assert_true(out.nullable);
}

static void an_override_of_no_column_asks_what_was_meant(void **state)
{
    (void)state;
    RV_AUTO(rv_arena_free) rv_arena *arena = new_arena();
    rv_error err;
    rv_column_override override = {.column = "amuont", .type = {.id = RV_TYPE_STRING}};
    rv_schema_options options = {.overrides = &override, .n_overrides = 1};
    rv_field source = field("amount", decimal(10, 2)), out = {.name = "untouched"};
    assert_int_equal(resolve_one(arena, &source, &options, &out, &err), RV_E_CONFIG_VALUE);
    assert_non_null(strstr(err.message, "'amuont'"));
    assert_string_equal(err.hint, "did you mean 'amount'?");
    assert_string_equal(out.name, "untouched");
}

static void two_columns_of_one_name_are_refused(void **state)
{
    (void)state;
    RV_AUTO(rv_arena_free) rv_arena *arena = new_arena();
    rv_error err;
    rv_schema_options options = {0};
    rv_field fields[] = {field("id", scalar(RV_TYPE_INT64)), field("x", scalar(RV_TYPE_INT64)),
                         field("id", scalar(RV_TYPE_INT64))};
    rv_schema schema = {.fields = fields, .n_fields = 3, .origin = "query"}, out = {0};
    assert_int_equal(rv_schema_resolve(arena, &schema, &options, &out, &err), RV_E_CONFIG_VALUE);
    assert_non_null(strstr(err.message, "'id'"));
    fields[2].name = "ID"; /* another name, where names have case */
    assert_int_equal(rv_schema_resolve(arena, &schema, &options, &out, &err), RV_OK);
}

static void strict_refuses_what_is_less_than_compatible(void **state)
{
    (void)state;
    RV_AUTO(rv_arena_free) rv_arena *arena = new_arena();
    rv_error err;
    rv_schema_options options = {.strict = true};
    rv_field source = field("area", scalar(RV_TYPE_STRING)), out = {0};
    source.native_type = "polygon";
    source.fidelity = RV_FIDELITY_COMPATIBLE;
    assert_int_equal(resolve_one(arena, &source, &options, &out, &err), RV_OK);
    source.fidelity = RV_FIDELITY_LOGICAL_STRING;
    assert_int_equal(resolve_one(arena, &source, &options, &out, &err), RV_E_SCHEMA_STRICT);
    assert_non_null(strstr(err.message, "'area' (polygon)"));
}

static void a_table_of_too_many_columns_is_refused(void **state)
{
    (void)state;
    RV_AUTO(rv_arena_free) rv_arena *arena = new_arena();
    rv_schema_options options = {0};
    rv_schema schema = {.n_fields = RV_MAX_FIELDS + 1, .origin = "t"}, out = {0};
    assert_int_equal(rv_schema_resolve(arena, &schema, &options, &out, NULL), RV_E_LIMIT_EXCEEDED);
}

static void an_arena_at_its_ceiling_is_out_of_memory(void **state)
{
    (void)state;
    rv_column_override override = {.column = "c", .type = {.id = RV_TYPE_STRING}};
    rv_schema_options options = {.overrides = &override, .n_overrides = 1};
    rv_code rc = RV_E_OUT_OF_MEMORY;
    for (size_t ceiling = 1; rc != RV_OK; ceiling++) {
        RV_AUTO(rv_arena_free) rv_arena *arena = NULL;
        assert_int_equal(rv_arena_new(&arena, ceiling, NULL), RV_OK);
        rv_field source = field("c", scalar(RV_TYPE_INT64)), out = {0};
        rc = resolve_one(arena, &source, &options, &out, NULL);
        assert_true(rc == RV_OK || rc == RV_E_OUT_OF_MEMORY);
        assert_true(ceiling < 1 << 20);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_options_a_schema_is_copied_as_it_is),
        cmocka_unit_test(an_override_is_read_through_text),
        cmocka_unit_test(the_text_policy_turns_a_column_that_may_need_it_into_text),
        cmocka_unit_test(the_text_policy_lets_json_be_what_it_is),
        cmocka_unit_test(the_null_policy_makes_a_column_that_may_need_it_nullable),
        cmocka_unit_test(policies_for_odd_values_leave_columns_alone_whose_source_enforces_their_type),
        cmocka_unit_test(the_null_policy_makes_any_column_of_a_loose_source_nullable),
        cmocka_unit_test(a_columns_own_policy_wins_over_the_exports),
        cmocka_unit_test(an_override_of_no_column_asks_what_was_meant),
        cmocka_unit_test(two_columns_of_one_name_are_refused),
        cmocka_unit_test(strict_refuses_what_is_less_than_compatible),
        cmocka_unit_test(a_table_of_too_many_columns_is_refused),
        cmocka_unit_test(an_arena_at_its_ceiling_is_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
