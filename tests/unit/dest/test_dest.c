#include "dest/internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *const kinds[] = {"local", "stdout", "memory"};

static void a_capability_is_there_exactly_when_its_slots_are(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const rv_dest_ops *ops = rv_dest_driver(kinds[i]);
        assert_non_null(ops);
        assert_string_equal(ops->kind, kinds[i]);
        assert_true(ops->open && ops->prepare && ops->check && ops->spool_folder && ops->close);
        bool objects = (ops->caps & RV_DEST_CAP_OBJECTS) != 0;
        assert_int_equal(objects, ops->put_file != NULL);
        assert_int_equal(objects, ops->put_bytes != NULL);
        assert_int_equal(objects, ops->get != NULL);
        assert_int_equal(objects, ops->list != NULL);
        assert_int_equal(objects, ops->remove != NULL);
        assert_int_equal((ops->caps & RV_DEST_CAP_STREAM) != 0, ops->stream != NULL);
    }
}

static void an_unknown_destination_is_refused(void **state)
{
    (void)state;
    assert_null(rv_dest_driver("s3"));
    rv_dest_config cfg = {.kind = "s3"};
    rv_dest *dest = NULL;
    rv_error err = {0};
    assert_int_equal(rv_dest_open(&dest, &cfg, "out", NULL, &err), RV_E_CONFIG_VALUE);
    assert_null(dest);
    assert_non_null(strstr(err.message, "'s3'"));
}

static void a_name_cannot_leave_the_destination(void **state)
{
    (void)state;
    static const char *const refused[] = {"",    ".",    "..",   "/",    "/etc/passwd",
                                          "a/b", "../x", "a\nb", "\x7F", "\t"};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        rv_error err = {0};
        assert_int_equal(rvi_dest_check_name(refused[i], &err), RV_E_DEST_DENIED);
        assert_int_equal(err.code, RV_E_DEST_DENIED);
    }
    static const char *const allowed[] = {"a", "...", "..a", "orders_1.parquet", "Größe é.csv", "-rf", "a b"};
    for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++)
        assert_int_equal(rvi_dest_check_name(allowed[i], NULL), RV_OK);
}

static void random_texts_differ(void **state)
{
    (void)state;
    char a[RVI_RANDOM_TEXT_BYTES], b[RVI_RANDOM_TEXT_BYTES];
    assert_int_equal(rvi_random_text(a, NULL), RV_OK);
    assert_int_equal(rvi_random_text(b, NULL), RV_OK);
    assert_int_equal(strlen(a), RVI_RANDOM_TEXT_BYTES - 1);
    assert_string_not_equal(a, b);
}

static void closing_nothing_is_fine(void **state)
{
    (void)state;
    rv_dest_close(NULL);
    rv_spool_discard(NULL);
    rv_spool_release(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_capability_is_there_exactly_when_its_slots_are),
        cmocka_unit_test(an_unknown_destination_is_refused),
        cmocka_unit_test(a_name_cannot_leave_the_destination),
        cmocka_unit_test(random_texts_differ),
        cmocka_unit_test(closing_nothing_is_fine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
