/* The text of bounds and key values: what is written reads back, and nothing else is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/fault.h"
#include "rivet/bounds.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { ARENA_BYTES = 64 << 20, TEXT_BYTES = 1 << 20 };

static const char odd[] = "\x1f \x01\t\n\"\\/\x7f \xc3\xa9 \xe2\x80\xa8 \xf0\x9f\xa6\x80 ?'; --";

static const rv_key by_id = {.n_columns = 1, .columns = {"id"}};
static const rv_key by_two = {.n_columns = 2, .columns = {"a\"b", "\xc3\xa9"}, .descending = {true, false}};
static const rv_history history = {.until = "900", .since = "800", .late_from = {1, {"5"}}};
static const rv_range ids = {
    .key = &by_id, .lo = {1, {"17"}}, .hi = {1, {"4000"}}, .hi_inclusive = true, .history = &history};
static const rv_range pairs = {.key = &by_two, .lo = {1, {odd}}, .lo_inclusive = true, .hi = {2, {"", "x"}}};
static const rv_range nulls = {.key = &by_id, .fallback = "other", .null_only = true};

static rv_arena *new_arena(void)
{
    rv_arena *arena = NULL;
    assert_int_equal(rv_arena_new(&arena, ARENA_BYTES, NULL), RV_OK);
    return arena;
}

static const char *written(const rv_bounds *bounds, rv_bytes *into)
{
    const char *text = NULL;
    rv_bytes_clear(into);
    assert_int_equal(rv_bounds_write(bounds, into, NULL), RV_OK);
    assert_int_equal(rv_bytes_cstr(into, &text, NULL), RV_OK);
    return text;
}

static void round_trip(const rv_bounds *bounds, const char *expected)
{
    RV_AUTO(rv_arena_free) rv_arena *arena = new_arena();
    rv_bytes first = RV_BYTES_INIT(TEXT_BYTES), second = RV_BYTES_INIT(TEXT_BYTES);
    rv_bounds back = {0};
    rv_error err = {0};
    const char *text = written(bounds, &first);
    if (expected != NULL)
        assert_string_equal(text, expected);
    if (rv_bounds_parse(text, arena, &back, &err) != RV_OK)
        fail_msg("%s: %s", text, err.message);
    assert_string_equal(written(&back, &second), text);
    rv_bytes_deinit(&first);
    rv_bytes_deinit(&second);
}

static void bounds_of_every_kind_have_one_text_which_reads_back(void **state)
{
    (void)state;
    round_trip(&(rv_bounds){.kind = RV_BOUNDS_ALL}, "{\"kind\":\"all\"}");
    round_trip(&(rv_bounds){.kind = RV_BOUNDS_PHYSICAL, .first = INT64_MIN, .last = INT64_MAX},
               "{\"kind\":\"physical\",\"first\":-9223372036854775808,\"last\":9223372036854775807}");
    round_trip(&(rv_bounds){.kind = RV_BOUNDS_KEY, .key = &by_id, .leaf_schema = "s", .leaf_table = "t"},
               "{\"kind\":\"key\",\"key\":[{\"column\":\"id\"}],\"leaf_schema\":\"s\",\"leaf_table\":\"t\"}");
    round_trip(
        &(rv_bounds){.kind = RV_BOUNDS_ALL, .ranges = {&ids}, .n_ranges = 1},
        "{\"kind\":\"all\",\"ranges\":[{\"key\":[{\"column\":\"id\"}],\"after\":[\"17\"],\"to\":[\"4000\"],"
        "\"history\":{\"until\":\"900\",\"since\":\"800\",\"late_from\":[\"5\"]}}]}");
    round_trip(
        &(rv_bounds){.kind = RV_BOUNDS_KEY, .key = &by_two, .ranges = {&pairs, &nulls, &ids}, .n_ranges = 3},
        NULL);
}

static void every_member_survives(void **state)
{
    (void)state;
    RV_AUTO(rv_arena_free) rv_arena *arena = new_arena();
    rv_bytes text = RV_BYTES_INIT(TEXT_BYTES);
    const rv_bounds bounds = {.kind = RV_BOUNDS_KEY,
                              .key = &by_two,
                              .ranges = {&pairs, &nulls, &ids},
                              .n_ranges = 3,
                              .leaf_schema = "",
                              .leaf_table = odd};
    rv_bounds back = {0};
    assert_int_equal(rv_bounds_parse(written(&bounds, &text), arena, &back, NULL), RV_OK);
    rv_bytes_deinit(&text);
    assert_int_equal(back.kind, RV_BOUNDS_KEY);
    assert_int_equal(back.key->n_columns, 2);
    assert_string_equal(back.key->columns[0], "a\"b");
    assert_true(back.key->descending[0] && !back.key->descending[1]);
    assert_int_equal(back.n_ranges, 3);
    assert_true(rv_key_value_equal(&back.ranges[0]->lo, &pairs.lo));
    assert_true(rv_key_value_equal(&back.ranges[0]->hi, &pairs.hi));
    assert_true(back.ranges[0]->lo_inclusive && !back.ranges[0]->hi_inclusive);
    assert_null(back.ranges[0]->history);
    assert_null(back.ranges[0]->fallback);
    assert_true(back.ranges[1]->null_only && !back.ranges[0]->null_only);
    assert_string_equal(back.ranges[1]->fallback, "other");
    assert_true(!back.ranges[2]->lo_inclusive && back.ranges[2]->hi_inclusive);
    assert_string_equal(back.ranges[2]->history->until, "900");
    assert_string_equal(back.ranges[2]->history->since, "800");
    assert_true(rv_key_value_equal(&back.ranges[2]->history->late_from, &history.late_from));
    assert_string_equal(back.leaf_schema, "");
    assert_string_equal(back.leaf_table, odd);
}

static void a_key_value_is_an_array_of_texts(void **state)
{
    (void)state;
    RV_AUTO(rv_arena_free) rv_arena *arena = new_arena();
    const rv_key_value values[] = {
        {0}, {1, {""}}, {2, {odd, "-9223372036854775808"}}, {4, {"1", "2", "3", "4"}}};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        rv_bytes text = RV_BYTES_INIT(TEXT_BYTES);
        const char *line = NULL;
        rv_key_value back = {.n = 3}, copy = {.n = 3};
        assert_int_equal(rv_key_value_write(&values[i], &text, NULL), RV_OK);
        assert_int_equal(rv_bytes_cstr(&text, &line, NULL), RV_OK);
        assert_int_equal(rv_key_value_parse(line, arena, &back, NULL), RV_OK);
        rv_bytes_deinit(&text);
        assert_true(rv_key_value_equal(&values[i], &back));
        assert_int_equal(rv_key_value_copy(&copy, &values[i], arena, NULL), RV_OK);
        assert_true(rv_key_value_equal(&values[i], &copy));
        for (size_t other = 0; other < i; other++)
            assert_false(rv_key_value_equal(&values[i], &values[other]));
    }
    assert_false(rv_key_value_equal(&(rv_key_value){2, {"a", "b"}}, &(rv_key_value){2, {"a", "c"}}));
}

static void what_nobody_wrote_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "{}",
        "[]",
        "null",
        "{\"kind\":\"some\"}",
        "{\"kind\":1}",
        "{\"kind\":\"all\"} x",
        "{\"kind\": \"all\"}",
        "{\"kind\":\"all\"}\n",
        "{\"kind\":\"all\",\"leaf_table\":\"\\u0041\"}",
        "{\"kind\":\"all\",\"kind\":\"all\"}",
        "{\"kind\":\"all\",\"first\":1}",
        "{\"kind\":\"all\",\"key\":[{\"column\":\"id\"}]}",
        "{\"kind\":\"all\",\"leaf_schema\":\"s\"}",
        "{\"kind\":\"all\",\"leaf_table\":7}",
        "{\"kind\":\"physical\",\"first\":1}",
        "{\"kind\":\"physical\",\"first\":1,\"last\":2.0}",
        "{\"kind\":\"physical\",\"first\":1,\"last\":9223372036854775808}",
        "{\"kind\":\"key\"}",
        "{\"kind\":\"key\",\"key\":[]}",
        "{\"kind\":\"key\",\"key\":[{}]}",
        "{\"kind\":\"key\",\"key\":[\"id\"]}",
        "{\"kind\":\"key\",\"key\":[{\"column\":\"id\",\"descending\":false}]}",
        ("{\"kind\":\"key\",\"key\":[{\"column\":\"a\"},{\"column\":\"b\"},{\"column\":\"c\"},"
         "{\"column\":\"d\"},{\"column\":\"e\"}]}"),
        "{\"kind\":\"all\",\"ranges\":[]}",
        "{\"kind\":\"all\",\"ranges\":[{}]}",
        ("{\"kind\":\"all\",\"ranges\":[{\"key\":[{\"column\":\"a\"}]},{\"key\":[{\"column\":\"a\"}]},"
         "{\"key\":[{\"column\":\"a\"}]},{\"key\":[{\"column\":\"a\"}]}]}"),
        "{\"kind\":\"all\",\"ranges\":[{\"key\":[{\"column\":\"a\"}],\"after\":[\"1\",\"2\"]}]}",
        "{\"kind\":\"all\",\"ranges\":[{\"key\":[{\"column\":\"a\"}],\"after\":[]}]}",
        "{\"kind\":\"all\",\"ranges\":[{\"key\":[{\"column\":\"a\"}],\"after\":[1]}]}",
        "{\"kind\":\"all\",\"ranges\":[{\"key\":[{\"column\":\"a\"}],\"after\":\"1\"}]}",
        "{\"kind\":\"all\",\"ranges\":[{\"key\":[{\"column\":\"a\"}],\"after\":[\"1\"],\"from\":[\"1\"]}]}",
        "{\"kind\":\"all\",\"ranges\":[{\"key\":[{\"column\":\"a\"}],\"after\":[\"1\"],\"null_only\":true}]}",
        ("{\"kind\":\"all\",\"ranges\":[{\"key\":[{\"column\":\"a\"},{\"column\":\"b\"}],"
         "\"fallback\":\"c\"}]}"),
        ("{\"kind\":\"all\",\"ranges\":[{\"key\":[{\"column\":\"a\"}],\"history\":{\"until\":\"1\","
         "\"late_from\":[\"1\"]}}]}"),
        "{\"kind\":\"all\",\"ranges\":[{\"key\":[{\"column\":\"a\"}],\"history\":{\"now\":\"1\"}}]}",
        "{\"kind\":\"all\",\"leaf_table\":\"a\\u0000b\"}",
        "{\"kind\":\"all\",\"leaf_table\":\"\xff\"}",
        "{\"kind\":\"all\",\"leaf_table\":\"\\ud800\"}",
    };
    RV_AUTO(rv_arena_free) rv_arena *arena = new_arena();
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        rv_bounds out = {.n_ranges = 77};
        rv_error err = {0};
        if (rv_bounds_parse(texts[i], arena, &out, &err) != RV_E_CONFIG_SYNTAX)
            fail_msg("taken: %s", texts[i]);
        assert_int_equal(out.n_ranges, 77);
        assert_true(err.message[0] != '\0');
    }
    rv_key_value value = {.n = 3};
    assert_int_equal(rv_key_value_parse("{}", arena, &value, NULL), RV_E_CONFIG_SYNTAX);
    assert_int_equal(rv_key_value_parse("[null]", arena, &value, NULL), RV_E_CONFIG_SYNTAX);
    assert_int_equal(rv_key_value_parse("[\"1\",\"2\",\"3\",\"4\",\"5\"]", arena, &value, NULL),
                     RV_E_CONFIG_SYNTAX);
    assert_int_equal(value.n, 3);
}

static void depth_and_length_are_bounded(void **state)
{
    (void)state;
    RV_AUTO(rv_arena_free) rv_arena *arena = new_arena();
    size_t size = RV_BOUNDS_MAX_TEXT_BYTES + 2;
    char *text = malloc(size);
    rv_bounds out = {0};
    assert_non_null(text);
    memset(text, '[', size - 1);
    text[size - 1] = '\0';
    assert_int_equal(rv_bounds_parse(text, arena, &out, NULL), RV_E_CONFIG_SYNTAX);
    text[RV_BOUNDS_MAX_TEXT_BYTES] = '\0';
    assert_int_equal(rv_bounds_parse(text, arena, &out, NULL), RV_E_CONFIG_SYNTAX);
    memset(text, 'x', RV_BOUNDS_MAX_TEXT_BYTES);
    rv_bytes into = RV_BYTES_INIT(2 * (size_t)RV_BOUNDS_MAX_TEXT_BYTES);
    assert_int_equal(rv_bytes_append_str(&into, "before", NULL), RV_OK);
    assert_int_equal(rv_bounds_write(&(rv_bounds){.kind = RV_BOUNDS_ALL, .leaf_table = text}, &into, NULL),
                     RV_E_LIMIT_EXCEEDED);
    assert_int_equal(into.len, 6);
    rv_bytes_deinit(&into);
    free(text);
}

static void bounds_that_would_not_read_back_are_not_written(void **state)
{
    (void)state;
    static const rv_key none = {0};
    static const rv_history no_since = {.until = "9", .late_from = {1, {"1"}}};
    static const rv_range late_without_since = {.key = &by_id, .lo = {1, {"1"}}, .history = &no_since};
    static const rv_range too_long = {.key = &by_id, .lo = {2, {"1", "2"}}};
    static const rv_range with_null = {.key = &by_id, .lo = {1, {NULL}}};
    const rv_bounds cases[] = {
        {.kind = (rv_bounds_kind)9},
        {.kind = RV_BOUNDS_KEY},
        {.kind = RV_BOUNDS_ALL, .key = &by_id},
        {.kind = RV_BOUNDS_KEY, .key = &none},
        {.kind = RV_BOUNDS_ALL, .leaf_table = "\xff"},
        {.kind = RV_BOUNDS_ALL, .n_ranges = RV_MAX_RANGES + 1},
        {.kind = RV_BOUNDS_ALL, .n_ranges = 1},
        {.kind = RV_BOUNDS_ALL, .n_ranges = 1, .ranges = {&late_without_since}},
        {.kind = RV_BOUNDS_ALL, .n_ranges = 1, .ranges = {&too_long}},
        {.kind = RV_BOUNDS_ALL, .n_ranges = 1, .ranges = {&with_null}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rv_bytes into = RV_BYTES_INIT(TEXT_BYTES);
        if (rv_bounds_write(&cases[i], &into, NULL) != RV_E_INTERNAL)
            fail_msg("case %zu was written", i);
        assert_int_equal(into.len, 0);
        rv_bytes_deinit(&into);
    }
}

/* Every byte changed to some others, left out, or doubled: refused, or read into bounds that can be written. */
static void mutated_text_never_does_harm(void **state)
{
    (void)state;
    static const char instead[] = "\"[]{},:0-\\u\x01\xff";
    const rv_bounds bounds = {.kind = RV_BOUNDS_KEY, .key = &by_two, .ranges = {&ids, &pairs}, .n_ranges = 2};
    rv_bytes text = RV_BYTES_INIT(TEXT_BYTES), again = RV_BYTES_INIT(TEXT_BYTES);
    (void)written(&bounds, &text);
    char *copy = malloc(text.len + 2);
    assert_non_null(copy);
    for (size_t at = 0; at < text.len; at++) {
        for (size_t how = 0; how < sizeof instead + 1; how++) {
            RV_AUTO(rv_arena_free) rv_arena *arena = new_arena();
            rv_bounds back = {0};
            size_t skip = how == sizeof instead ? 1 : 0;
            memcpy(copy, text.data, at);
            memcpy(copy + at, text.data + at + skip, text.len - at - skip);
            copy[text.len - skip] = '\0';
            if (skip == 0)
                copy[at] = instead[how];
            if (rv_bounds_parse(copy, arena, &back, NULL) == RV_OK)
                (void)written(&back, &again);
        }
    }
    free(copy);
    rv_bytes_deinit(&text);
    rv_bytes_deinit(&again);
}

static void people_read_operators(void **state)
{
    (void)state;
    static const rv_range open = {.key = &by_id};
    static const struct {
        rv_bounds bounds;
        const char *text;
    } cases[] = {
        {{.kind = RV_BOUNDS_ALL}, "all rows"},
        {{.kind = RV_BOUNDS_ALL, .n_ranges = 1, .ranges = {&open}}, "all rows"},
        {{.kind = RV_BOUNDS_KEY, .key = &by_id, .leaf_schema = "s", .leaf_table = "t"}, "all rows of s.t"},
        {{.kind = RV_BOUNDS_PHYSICAL, .first = 0, .last = 99}, "units 0 to 99"},
        {{.kind = RV_BOUNDS_ALL, .n_ranges = 1, .ranges = {&nulls}}, "coalesce(id, other) is null"},
        {{.kind = RV_BOUNDS_KEY, .key = &by_id, .n_ranges = 1, .ranges = {&ids}},
         "id > 17, id <= 4000, before the mark 900, late ones from 5 since the mark 800"},
    };
    char text[200];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rv_bounds_text(text, sizeof text, &cases[i].bounds);
        assert_string_equal(text, cases[i].text);
    }
    static const rv_range mixed = {.key = &by_two,
                                   .lo = {2,
                                          {"\x1f"
                                           "t1",
                                           "2"}}};
    rv_bounds_text(text, sizeof text, &(rv_bounds){.kind = RV_BOUNDS_ALL, .n_ranges = 1, .ranges = {&mixed}});
    assert_string_equal(text, "(a\"b desc, \xc3\xa9) after (t1, 2)");
}

static void a_line_that_is_too_long_is_cut_between_characters(void **state)
{
    (void)state;
    static const rv_range range = {.key = &by_id, .lo = {1, {"\xc3\xa9\xc3\xa9"}}, .hi = {1, {"z"}}};
    const rv_bounds bounds = {.kind = RV_BOUNDS_ALL, .n_ranges = 1, .ranges = {&range}};
    char whole[64], text[64];
    rv_bounds_text(whole, sizeof whole, &bounds);
    for (size_t size = 1; size < sizeof text; size++) {
        memset(text, '#', sizeof text);
        rv_bounds_text(text, size, &bounds);
        assert_true(strlen(text) < size);
        assert_memory_equal(text, whole, strlen(text));
        assert_true(size >= sizeof text || text[size] == '#');
    }
    rv_bounds_text(text, 7, &bounds);
    assert_string_equal(text, "id > ");
    rv_bounds_text(NULL, 0, &bounds);
}

/* Parsing may call it a fault of the text: jansson takes a string that it has no room for to be a wrong one. */
static void keys_are_compared_column_by_column_with_their_directions(void **state)
{
    (void)state;
    static const rv_key ab = {2, {"a", "b"}, {false, false}};
    static const struct {
        rv_key first;
        bool begins, one_way;
        const char *why;
    } cases[] = {
        {{1, {"a"}, {false}}, true, true, "the first column"},
        {{2, {"a", "b"}, {false, false}}, true, true, "all columns"},
        {{1, {"a"}, {true}}, false, true, "the other direction"},
        {{2, {"a", "b"}, {false, true}}, false, false, "the other direction further on"},
        {{1, {"b"}, {false}}, false, true, "a column that is not the first one"},
        {{1, {"A"}, {false}}, false, true, "another letter"},
        {{3, {"a", "b", "c"}, {false, false, false}}, false, true, "more columns than there are"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const rv_key *first = &cases[i].first;
        if (rv_key_begins_with(&ab, first) != cases[i].begins ||
            rv_key_sorts_one_way(first, first->n_columns) != cases[i].one_way)
            fail_msg("%s", cases[i].why);
    }
    assert_true(rv_key_sorts_one_way(&cases[3].first, 1));
}

static void no_allocation_that_fails_goes_unseen(void **state)
{
    (void)state;
    const rv_bounds bounds = {
        .kind = RV_BOUNDS_KEY, .key = &by_two, .ranges = {&pairs, &ids}, .n_ranges = 2, .leaf_table = "t"};
    json_set_alloc_funcs(malloc, free); /* as this program calls them, so that they can fail */
    for (int n = 1, hit = 1; hit; n++) {
        RV_AUTO(rv_arena_free) rv_arena *arena = new_arena();
        rv_bytes text = RV_BYTES_INIT(TEXT_BYTES);
        const char *line = "";
        rv_bounds back = {0};
        fault_arm(FAULT_ALLOC, n, FAULT_TRANSIENT, 0);
        rv_code rc = rv_bounds_write(&bounds, &text, NULL);
        if (rc != RV_OK)
            assert_int_equal(text.len, 0);
        else
            rc = rv_bytes_cstr(&text, &line, NULL);
        if (rc == RV_OK)
            rc = rv_bounds_parse(line, arena, &back, NULL);
        hit = fault_disarm();
        if (hit ? rc != RV_E_OUT_OF_MEMORY && rc != RV_E_CONFIG_SYNTAX : rc != RV_OK)
            fail_msg("allocation %d: %s", n, rc == RV_OK ? "unseen" : rv_code_name(rc));
        assert_true(rc != RV_E_CONFIG_SYNTAX || text.len > 0);
        assert_null(rc != RV_OK ? back.key : NULL);
        rv_bytes_deinit(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_of_every_kind_have_one_text_which_reads_back),
        cmocka_unit_test(every_member_survives),
        cmocka_unit_test(a_key_value_is_an_array_of_texts),
        cmocka_unit_test(what_nobody_wrote_is_refused),
        cmocka_unit_test(depth_and_length_are_bounded),
        cmocka_unit_test(bounds_that_would_not_read_back_are_not_written),
        cmocka_unit_test(mutated_text_never_does_harm),
        cmocka_unit_test(people_read_operators),
        cmocka_unit_test(a_line_that_is_too_long_is_cut_between_characters),
        cmocka_unit_test(keys_are_compared_column_by_column_with_their_directions),
        cmocka_unit_test(no_allocation_that_fails_goes_unseen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
