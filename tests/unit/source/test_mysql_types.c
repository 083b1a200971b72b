/* What columns of MySQL and MariaDB become, from information_schema's words and from the protocol's. */
#include "unit/source/mysql_support.h"

#include <string.h>

static void assert_type(const char *what, const rvi_my_type *type, const char *text, rvi_my_wire form)
{
    char found[RV_TYPE_TEXT_BYTES];
    rv_type_text(found, type->natural);
    if (strcmp(found, text) != 0 || type->wire != form)
        fail_msg("%s became %s in form %d", what, found, (int)type->wire);
}

static const struct native_case {
    const char *data_type, *column_type;
    int precision, scale;
    const char *type;
    rvi_my_wire wire;
    rv_fidelity fidelity;
    bool loose;
} native_cases[] = {
    {"tinyint", "tinyint(1)", 3, 0, "bool", RVI_MY_WIRE_INT1, RV_FIDELITY_EXACT, true},
    {"tinyint", "tinyint(1) unsigned", 3, 0, "int16", RVI_MY_WIRE_UINT1, RV_FIDELITY_EXACT, false},
    {"tinyint", "tinyint(4)", 3, 0, "int16", RVI_MY_WIRE_INT1, RV_FIDELITY_EXACT, false},
    {"tinyint", "tinyint", 3, 0, "int16", RVI_MY_WIRE_INT1, RV_FIDELITY_EXACT, false},
    {"smallint", "smallint(6)", 5, 0, "int16", RVI_MY_WIRE_INT2, RV_FIDELITY_EXACT, false},
    {"smallint", "smallint unsigned", 5, 0, "int32", RVI_MY_WIRE_UINT2, RV_FIDELITY_EXACT, false},
    {"mediumint", "mediumint(9)", 7, 0, "int32", RVI_MY_WIRE_INT4, RV_FIDELITY_EXACT, false},
    {"mediumint", "mediumint(8) unsigned", 7, 0, "int64", RVI_MY_WIRE_UINT4, RV_FIDELITY_EXACT, false},
    {"int", "int(10) unsigned zerofill", 10, 0, "int64", RVI_MY_WIRE_UINT4, RV_FIDELITY_EXACT, false},
    {"bigint", "bigint(20)", 19, 0, "int64", RVI_MY_WIRE_INT8, RV_FIDELITY_EXACT, false},
    {"bigint", "bigint(20) unsigned", 20, 0, "uint64", RVI_MY_WIRE_UINT8, RV_FIDELITY_EXACT, false},
    {"decimal", "decimal(65,30)", 65, 30, "decimal(65,30)", RVI_MY_WIRE_DECIMAL, RV_FIDELITY_EXACT, false},
    {"decimal", "decimal(10,0) unsigned", 10, 0, "decimal(10,0)", RVI_MY_WIRE_DECIMAL, RV_FIDELITY_EXACT,
     false},
    {"decimal", "decimal(?)", -1, -1, "string", RVI_MY_WIRE_TEXT, RV_FIDELITY_LOGICAL_STRING, false},
    {"bit", "bit(1)", 1, -1, "bool", RVI_MY_WIRE_BIT, RV_FIDELITY_EXACT, false},
    {"bit", "bit(63)", 63, -1, "int64", RVI_MY_WIRE_BIT, RV_FIDELITY_COMPATIBLE, false},
    {"bit", "bit(64)", 64, -1, "uint64", RVI_MY_WIRE_BIT, RV_FIDELITY_COMPATIBLE, false},
    {"year", "year(4)", -1, -1, "int16", RVI_MY_WIRE_INT2, RV_FIDELITY_COMPATIBLE, false},
    {"float", "float", 12, -1, "float32", RVI_MY_WIRE_FLOAT, RV_FIDELITY_EXACT, false},
    {"double", "double unsigned", 22, -1, "float64", RVI_MY_WIRE_DOUBLE, RV_FIDELITY_EXACT, false},
    {"date", "date", -1, -1, "date", RVI_MY_WIRE_DATE, RV_FIDELITY_EXACT, false},
    {"time", "time(6)", -1, 6, "string", RVI_MY_WIRE_TIME, RV_FIDELITY_LOGICAL_STRING, false},
    {"datetime", "datetime(6)", -1, 6, "timestamp", RVI_MY_WIRE_DATETIME, RV_FIDELITY_EXACT, false},
    {"timestamp", "timestamp", -1, 0, "timestamp_tz", RVI_MY_WIRE_DATETIME, RV_FIDELITY_EXACT, false},
    {"varchar", "varchar(20)", -1, -1, "string", RVI_MY_WIRE_TEXT, RV_FIDELITY_EXACT, false},
    {"varbinary", "varbinary(20)", -1, -1, "binary", RVI_MY_WIRE_BINARY, RV_FIDELITY_EXACT, false},
    {"longtext", "longtext", -1, -1, "string", RVI_MY_WIRE_TEXT, RV_FIDELITY_EXACT, false},
    {"json", "json", -1, -1, "json", RVI_MY_WIRE_TEXT, RV_FIDELITY_EXACT, false},
    {"enum", "enum('a','b')", -1, -1, "enum", RVI_MY_WIRE_TEXT, RV_FIDELITY_COMPATIBLE, true},
    {"enum", "enum('a','')", -1, -1, "enum", RVI_MY_WIRE_TEXT, RV_FIDELITY_COMPATIBLE, false},
    {"enum", "enum('it''s, unsigned','''',',''')", -1, -1, "enum", RVI_MY_WIRE_TEXT, RV_FIDELITY_COMPATIBLE,
     true},
    {"enum", "enum('''','')", -1, -1, "enum", RVI_MY_WIRE_TEXT, RV_FIDELITY_COMPATIBLE, false},
    {"set", "set('a','b')", -1, -1, "enum", RVI_MY_WIRE_TEXT, RV_FIDELITY_COMPATIBLE, false},
    {"uuid", "uuid", -1, -1, "uuid", RVI_MY_WIRE_TEXT, RV_FIDELITY_EXACT, false},
    {"inet6", "inet6", -1, -1, "string", RVI_MY_WIRE_TEXT, RV_FIDELITY_LOGICAL_STRING, false},
    {"point", "point", -1, -1, "binary", RVI_MY_WIRE_GEOMETRY, RV_FIDELITY_COMPATIBLE, false},
    {"geomcollection", "geomcollection", -1, -1, "binary", RVI_MY_WIRE_GEOMETRY, RV_FIDELITY_COMPATIBLE,
     false},
};

static void declared_types_have_their_natural_type(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof native_cases / sizeof *native_cases; i++) {
        const struct native_case *c = &native_cases[i];
        rvi_my_native native = {.data_type = c->data_type,
                                .column_type = c->column_type,
                                .length = -1,
                                .precision = c->precision,
                                .scale = c->scale};
        rvi_my_type type;
        assert_true(rvi_my_native_type(&native, &type));
        assert_type(c->column_type, &type, c->type, c->wire);
        assert_int_equal(type.fidelity, c->fidelity);
        assert_int_equal(type.loose, c->loose);
        assert_null(type.cast);
    }
}

static void a_longtext_is_json_only_where_something_checks_it(void **state)
{
    rvi_my_native native = {.data_type = "longtext", .column_type = "longtext", .json_check = true};
    rvi_my_type type;
    (void)state;
    assert_true(rvi_my_native_type(&native, &type));
    assert_type("longtext with json_valid", &type, "json", RVI_MY_WIRE_TEXT);
    assert_true(type.loose);
}

static void an_unknown_type_comes_as_the_servers_text(void **state)
{
    rvi_my_native native = {.data_type = "xmltype", .column_type = "xmltype"};
    rvi_my_type type;
    (void)state;
    assert_false(rvi_my_native_type(&native, &type));
    assert_type("xmltype", &type, "string", RVI_MY_WIRE_TEXT);
    assert_int_equal(type.fidelity, RV_FIDELITY_LOGICAL_STRING);
    assert_string_equal(type.cast, "CAST(%s AS CHAR)");
}

static const struct result_case {
    MYSQL_FIELD field;
    const char *type;
    rvi_my_wire wire;
    const char *name;
} result_cases[] = {
    {{.type = MYSQL_TYPE_TINY, .length = 1}, "bool", RVI_MY_WIRE_INT1, "tinyint(1)"},
    {{.type = MYSQL_TYPE_TINY, .length = 4}, "int16", RVI_MY_WIRE_INT1, "tinyint"},
    {{.type = MYSQL_TYPE_TINY, .length = 1, .flags = UNSIGNED_FLAG},
     "int16",
     RVI_MY_WIRE_UINT1,
     "tinyint unsigned"},
    {{.type = MYSQL_TYPE_INT24, .length = 9}, "int32", RVI_MY_WIRE_INT4, "mediumint"},
    {{.type = MYSQL_TYPE_LONGLONG, .length = 20, .flags = UNSIGNED_FLAG},
     "uint64",
     RVI_MY_WIRE_UINT8,
     "bigint unsigned"},
    {{.type = MYSQL_TYPE_LONGLONG, .length = 1}, "int64", RVI_MY_WIRE_INT8, "bigint"}, /* SELECT 1 = 1 */
    {{.type = MYSQL_TYPE_YEAR, .flags = UNSIGNED_FLAG | ZEROFILL_FLAG}, "int16", RVI_MY_WIRE_INT2, "year"},
    {{.type = MYSQL_TYPE_NEWDECIMAL, .length = 67, .decimals = 30},
     "decimal(65,30)",
     RVI_MY_WIRE_DECIMAL,
     "decimal(65,30)"},
    {{.type = MYSQL_TYPE_NEWDECIMAL, .length = 6, .decimals = 5, .flags = UNSIGNED_FLAG},
     "decimal(5,5)",
     RVI_MY_WIRE_DECIMAL,
     "decimal(5,5) unsigned"},
    {{.type = MYSQL_TYPE_NEWDECIMAL, .length = 11}, "decimal(10,0)", RVI_MY_WIRE_DECIMAL, "decimal(10,0)"},
    {{.type = MYSQL_TYPE_BIT, .length = 1, .flags = UNSIGNED_FLAG}, "bool", RVI_MY_WIRE_BIT, "bit(1)"},
    {{.type = MYSQL_TYPE_BIT, .length = 64, .flags = UNSIGNED_FLAG}, "uint64", RVI_MY_WIRE_BIT, "bit(64)"},
    {{.type = MYSQL_TYPE_FLOAT, .decimals = 31}, "float32", RVI_MY_WIRE_FLOAT, "float"},
    {{.type = MYSQL_TYPE_TIME, .decimals = 3}, "string", RVI_MY_WIRE_TIME, "time(3)"},
    {{.type = MYSQL_TYPE_DATETIME}, "timestamp", RVI_MY_WIRE_DATETIME, "datetime"},
    {{.type = MYSQL_TYPE_TIMESTAMP, .decimals = 6}, "timestamp_tz", RVI_MY_WIRE_DATETIME, "timestamp(6)"},
    {{.type = MYSQL_TYPE_VAR_STRING, .charsetnr = 45}, "string", RVI_MY_WIRE_TEXT, "varchar"},
    {{.type = MYSQL_TYPE_VAR_STRING, .charsetnr = 63}, "binary", RVI_MY_WIRE_BINARY, "varbinary"},
    {{.type = MYSQL_TYPE_BLOB, .charsetnr = 63}, "binary", RVI_MY_WIRE_BINARY, "blob"},
    {{.type = MYSQL_TYPE_BLOB, .charsetnr = 255}, "string", RVI_MY_WIRE_TEXT, "text"},
    {{.type = MYSQL_TYPE_STRING, .charsetnr = 45, .flags = ENUM_FLAG}, "enum", RVI_MY_WIRE_TEXT, "enum"},
    {{.type = MYSQL_TYPE_STRING, .charsetnr = 63, .flags = SET_FLAG}, "enum", RVI_MY_WIRE_TEXT, "set"},
    {{.type = MYSQL_TYPE_JSON, .charsetnr = 63}, "json", RVI_MY_WIRE_TEXT, "json"},
    {{.type = MYSQL_TYPE_GEOMETRY, .charsetnr = 63}, "binary", RVI_MY_WIRE_GEOMETRY, "geometry"},
    {{.type = MYSQL_TYPE_NULL, .charsetnr = 63}, "string", RVI_MY_WIRE_TEXT, "null"},
};

static void a_querys_columns_are_known_by_what_the_protocol_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof result_cases / sizeof *result_cases; i++) {
        const struct result_case *c = &result_cases[i];
        char name[RVI_MY_NAME_BYTES];
        rvi_my_type type;
        assert_true(rvi_my_result_type(&c->field, &type));
        assert_type(c->name, &type, c->type, c->wire);
        rvi_my_result_name(name, &c->field);
        assert_string_equal(name, c->name);
        assert_true(rvi_my_type_arrives(&type, &c->field));
    }
}

static void a_column_that_was_altered_does_not_arrive(void **state)
{
    static const struct {
        const char *why;
        MYSQL_FIELD before, now;
        bool arrives;
    } cases[] = {
        {"another width", {.type = MYSQL_TYPE_LONG}, {.type = MYSQL_TYPE_LONGLONG}, false},
        {"another sign", {.type = MYSQL_TYPE_LONG}, {.type = MYSQL_TYPE_LONG, .flags = UNSIGNED_FLAG}, false},
        {"an instant became a wall clock",
         {.type = MYSQL_TYPE_TIMESTAMP},
         {.type = MYSQL_TYPE_DATETIME},
         false},
        {"another scale",
         {.type = MYSQL_TYPE_NEWDECIMAL, .length = 12, .decimals = 2},
         {.type = MYSQL_TYPE_NEWDECIMAL, .length = 12, .decimals = 3},
         false},
        {"more bits", {.type = MYSQL_TYPE_BIT, .length = 1}, {.type = MYSQL_TYPE_BIT, .length = 8}, false},
        {"text became bytes, which are looked at as text",
         {.type = MYSQL_TYPE_BLOB, .charsetnr = 45},
         {.type = MYSQL_TYPE_BLOB, .charsetnr = 63},
         true},
        {"bytes became text, which the server converts",
         {.type = MYSQL_TYPE_BLOB, .charsetnr = 63},
         {.type = MYSQL_TYPE_BLOB, .charsetnr = 45},
         false},
        {"a longer text",
         {.type = MYSQL_TYPE_VAR_STRING, .length = 40, .charsetnr = 45},
         {.type = MYSQL_TYPE_BLOB, .length = 99999, .charsetnr = 45},
         true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        rvi_my_type type;
        rvi_my_result_type(&cases[i].before, &type);
        if (rvi_my_type_arrives(&type, &cases[i].now) != cases[i].arrives)
            fail_msg("%s", cases[i].why);
    }
}

static void a_field_keeps_how_it_arrives(void **state)
{
    (void)state;
    for (int form = 0; form < RVI_MY_WIRE_COUNT; form++)
        for (int cast = 0; cast < 2; cast++) {
            rvi_my_type type = {.natural = decimal(10, 2),
                                .fidelity = RV_FIDELITY_LOGICAL_STRING,
                                .wire = (rvi_my_wire)form,
                                .cast = cast != 0 ? "CAST(%s AS CHAR)" : NULL,
                                .loose = cast != 0};
            rv_field field = {.name = "c"};
            rvi_my_set_field_type(&field, &type, 6);
            field.type = scalar(RV_TYPE_STRING); /* an override leaves it alone */
            rvi_my_type back = rvi_my_field_type(&field);
            assert_true(rv_type_equal(back.natural, type.natural));
            assert_int_equal(back.wire, type.wire);
            assert_int_equal(back.fidelity, type.fidelity);
            assert_int_equal(back.loose, type.loose);
            assert_int_equal(back.cast != NULL, cast != 0);
            assert_int_equal(field.native_mod, 6);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(declared_types_have_their_natural_type),
        cmocka_unit_test(a_longtext_is_json_only_where_something_checks_it),
        cmocka_unit_test(an_unknown_type_comes_as_the_servers_text),
        cmocka_unit_test(a_querys_columns_are_known_by_what_the_protocol_says),
        cmocka_unit_test(a_column_that_was_altered_does_not_arrive),
        cmocka_unit_test(a_field_keeps_how_it_arrives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
