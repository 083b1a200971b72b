#include "config/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void a_key_is_found_in_its_own_section_only(void **state)
{
    (void)state;
    for (int id = 0; id < RVI_KEYS; id++) {
        const rvi_key *key = rvi_key_row((rvi_key_id)id);
        assert_ptr_equal(rvi_key_find(key->section, key->name), key); /* no name twice in a section */
    }
    assert_null(rvi_key_find(RVI_S_SOURCE, "profile"));
    assert_null(rvi_key_find(RVI_S_ROOT, ""));
}

static void every_key_is_documented_in_one_line(void **state)
{
    (void)state;
    for (int id = 0; id < RVI_KEYS; id++) {
        const rvi_key *key = rvi_key_row((rvi_key_id)id);
        assert_true(strlen(key->doc) > 10);
        assert_null(strpbrk(key->doc, "|\n"));
        assert_int_equal(key->doc[strlen(key->doc) - 1], '.');
        assert_non_null(key->unit);
    }
}

static void every_section_is_reached_by_a_key(void **state)
{
    (void)state;
    bool reached[RVI_SECTIONS] = {[RVI_S_ROOT] = true, [RVI_S_COLUMN] = true};
    for (int id = 0; id < RVI_KEYS; id++) {
        const rvi_key *key = rvi_key_row((rvi_key_id)id);
        if (key->kind == RVI_KIND_BLOCK || key->kind == RVI_KIND_BLOCKS)
            reached[key->inner] = true;
    }
    for (int i = 0; i < RVI_SECTIONS; i++)
        assert_true(reached[i]);
}

static bool default_is_allowed(const rvi_key *key)
{
    int64_t value = 0;
    bool truth = false;
    if (key->kind == RVI_KIND_INT) {
        for (rv_profile profile = RV_PROFILE_BALANCED; profile <= RV_PROFILE_SAFE; profile++) {
            value = rvi_default_int(key, profile);
            if (value < key->min || value > key->max)
                return false;
        }
        return true;
    }
    if (key->kind == RVI_KIND_BOOL)
        return rvi_parse_bool(key->fallback, &truth);
    if (key->kind == RVI_KIND_ENUM)
        return rvi_name_find(key->set, key->fallback) != NULL;
    return true;
}

static void every_default_passes_its_own_check(void **state)
{
    (void)state;
    for (int id = 0; id < RVI_KEYS; id++) {
        const rvi_key *key = rvi_key_row((rvi_key_id)id);
        if (key->fallback && !default_is_allowed(key))
            fail_msg("%s: default %s", key->name, key->fallback);
    }
}

static void every_word_of_a_supported_key_exists(void **state)
{
    (void)state;
    for (int id = 0; id < RVI_KEYS; id++) {
        const rvi_key *key = rvi_key_row((rvi_key_id)id);
        if (key->kind != RVI_KIND_ENUM && key->kind != RVI_KIND_ENUMS)
            continue;
        int n_now = 0;
        for (const rvi_name *name = rvi_name_next(key->set, NULL); name; name = rvi_name_next(key->set, name))
            n_now += !(name->flags & RVI_LATER);
        assert_true(key->flags & RVI_LATER || n_now > 0);
        assert_non_null(rvi_name_next(key->set, NULL));
    }
}

static void exclusions_are_between_keys_of_one_section(void **state)
{
    (void)state;
    size_t n = 0;
    const rvi_exclusion *pairs = rvi_exclusions(&n);
    assert_true(n > 30);
    for (size_t i = 0; i < n; i++) {
        assert_int_not_equal(pairs[i].a, pairs[i].b);
        assert_int_equal(rvi_key_row(pairs[i].a)->section, rvi_key_row(pairs[i].b)->section);
    }
}

static void word_lists_hold_all_words(void **state)
{
    (void)state;
    const char *words[RVI_MAX_WORDS];
    for (int section = 0; section < RVI_SECTIONS; section++) {
        size_t n_keys = 0;
        for (int id = 0; id < RVI_KEYS; id++)
            n_keys += rvi_key_row((rvi_key_id)id)->section == (rvi_section)section;
        assert_int_equal(rvi_section_words((rvi_section)section, words), n_keys);
        assert_true(n_keys > 0);
    }
}

static void whole_numbers_are_decimal_and_bounded(void **state)
{
    (void)state;
    static const char *const refused[] = {"",    "-",  "+1", "1.0", "1e3", "0x10", "010",
                                          "1_0", " 1", "1 ", "--1", "1-",  "１",   "1234567890123456789"};
    int64_t value = 42;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        assert_false(rvi_parse_int(refused[i], &value));
    assert_true(value == 42);
    assert_true(rvi_parse_int("999999999999999999", &value) && value == 999999999999999999);
    assert_true(rvi_parse_int("-7", &value) && value == -7);
    assert_true(rvi_parse_int("0", &value) && value == 0);
}

static void sizes_are_binary_multiples_with_fractions(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t bytes;
    } cases[] = {
        {"0", 0},
        {"100", 100},
        {"7B", 7},
        {"1KB", 1024},
        {"512MB", INT64_C(512) << 20},
        {"512 mb", INT64_C(512) << 20},
        {"1.5GB", INT64_C(3) << 29},
        {"0.0005KB", 0},
        {"1.999999999GB", 2147483646},
        {"8589934591GB", INT64_C(8589934591) << 30},
    };
    static const char *const refused[] = {
        "",
        "MB",
        ".5MB",
        "1.MB",
        "1,5MB",
        "-1MB",
        "+1MB",
        "1e3",
        "1TB",
        "1MiB",
        "1 M",
        "1MB ",
        " 1MB",
        "1.1.1",
        "0x10",
        "１MB",
        "1.0000000001GB",
        "8589934592GB",
        "1234567890123456789",
    };
    int64_t value = 0;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_true(rvi_parse_size(cases[i].text, &value) && value == cases[i].bytes);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        assert_false(rvi_parse_size(refused[i], &value));
}

static void truth_has_six_spellings(void **state)
{
    (void)state;
    static const char *const refused[] = {"", "yes", "no", "on", "off", "1", "0", "tRUE", "y", "true "};
    bool value = false;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        assert_false(rvi_parse_bool(refused[i], &value));
    assert_true(rvi_parse_bool("True", &value) && value);
    assert_true(rvi_parse_bool("FALSE", &value) && !value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_found_in_its_own_section_only),
        cmocka_unit_test(every_key_is_documented_in_one_line),
        cmocka_unit_test(every_section_is_reached_by_a_key),
        cmocka_unit_test(every_default_passes_its_own_check),
        cmocka_unit_test(every_word_of_a_supported_key_exists),
        cmocka_unit_test(exclusions_are_between_keys_of_one_section),
        cmocka_unit_test(word_lists_hold_all_words),
        cmocka_unit_test(whole_numbers_are_decimal_and_bounded),
        cmocka_unit_test(sizes_are_binary_multiples_with_fractions),
        cmocka_unit_test(truth_has_six_spellings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
