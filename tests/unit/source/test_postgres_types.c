/* Built-in types, by OID and modifier, without a server. */
#include "unit/source/postgres_support.h"

#include <string.h>

static int32_t numeric_mod(int precision, int scale)
{
    return ((precision << 16) | (scale & 0x7ff)) + 4;
}

static void built_in_types_have_their_natural_type(void **state)
{
    const struct {
        rvi_pg_type_ref ref;
        const char *type;
        rvi_pg_cast cast;
    } cases[] = {
        {{16, -1, 0}, "bool", RVI_PG_CAST_NONE},
        {{20, -1, 0}, "int64", RVI_PG_CAST_NONE},
        {{18, -1, 0}, "string", RVI_PG_CAST_TEXT},
        {{26, -1, 0}, "int64", RVI_PG_CAST_NONE},
        {{1042, 9, 0}, "string", RVI_PG_CAST_NONE},
        {{3802, -1, 0}, "json", RVI_PG_CAST_NONE},
        {{1184, 3, 0}, "timestamp_tz", RVI_PG_CAST_NONE},
        {{1700, -1, 0}, "string", RVI_PG_CAST_TEXT},
        {{1700, numeric_mod(10, 2), 0}, "decimal(10,2)", RVI_PG_CAST_NONE},
        {{1700, numeric_mod(76, 76), 0}, "decimal(76,76)", RVI_PG_CAST_NONE},
        {{1700, numeric_mod(77, 0), 0}, "string", RVI_PG_CAST_TEXT},
        {{1700, numeric_mod(1000, 1000), 0}, "string", RVI_PG_CAST_TEXT},
        {{1700, numeric_mod(5, -2), 0}, "string", RVI_PG_CAST_TEXT},
        {{1700, numeric_mod(3, 5), 0}, "string", RVI_PG_CAST_TEXT},
        {{1007, -1, 1}, "list<int32>", RVI_PG_CAST_NONE},
        {{1007, -1, 0}, "list<int32>", RVI_PG_CAST_NONE},
        {{1007, -1, 2}, "string", RVI_PG_CAST_TEXT},
        {{1231, numeric_mod(10, 2), 1}, "list<decimal(10,2)>", RVI_PG_CAST_NONE},
        {{1231, -1, 1}, "list<string>", RVI_PG_CAST_TEXT_ARRAY},
        {{1002, -1, 1}, "list<string>", RVI_PG_CAST_TEXT_ARRAY},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[RV_TYPE_TEXT_BYTES];
        rvi_pg_type type;
        assert_true(rvi_pg_builtin_type(cases[i].ref, &type));
        rv_type_text(text, type.natural);
        if (strcmp(text, cases[i].type) != 0 || type.cast != cases[i].cast)
            fail_msg("type %u with modifier %d became %s%s", cases[i].ref.oid, cases[i].ref.mod, text,
                     rvi_pg_cast_suffix(type.cast));
    }
}

static void other_types_are_left_to_the_catalog(void **state)
{
    static const uint32_t oids[] = {0, 22 /* int2vector */, 790 /* money */, 869 /* inet */, 16384};
    (void)state;
    for (size_t i = 0; i < sizeof oids / sizeof *oids; i++) {
        rvi_pg_type type;
        assert_false(rvi_pg_builtin_type((rvi_pg_type_ref){oids[i], -1, 0}, &type));
    }
}

static void a_list_expects_its_elements_as_they_are_sent(void **state)
{
    rvi_pg_type plain, cast;
    (void)state;
    assert_true(rvi_pg_builtin_type((rvi_pg_type_ref){1007, -1, 1}, &plain));
    assert_true(rvi_pg_builtin_type((rvi_pg_type_ref){1231, -1, 1}, &cast));
    assert_int_equal(plain.element_oid, 23);
    assert_int_equal(cast.element_oid, 25);
    assert_int_equal(plain.fidelity, RV_FIDELITY_COMPATIBLE);
    assert_int_equal(cast.fidelity, RV_FIDELITY_LOGICAL_STRING);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(built_in_types_have_their_natural_type),
        cmocka_unit_test(other_types_are_left_to_the_catalog),
        cmocka_unit_test(a_list_expects_its_elements_as_they_are_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
