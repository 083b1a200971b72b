/* The row hash: the vectors of docs/row-hash.md, and that it does not matter how a row comes to the hasher. */
#include "support.h"

#include "fault.h"
#include "rivet/row_hash.h"

#include <stdlib.h>

static int64_t hash_of(const rv_column *column)
{
    RV_AUTO(rv_row_hasher_free) rv_row_hasher *hasher = NULL;
    assert_int_equal(rv_row_hasher_new(&hasher, NULL), RV_OK);
    rv_row_hasher_add(hasher, column, 0);
    return (int64_t)rv_row_hasher_take(hasher).low;
}

static void cells_hash_as_documented(void **state)
{
    (void)state;
    static const struct {
        rv_type type;
        const char *text;
        int64_t hash;
    } vectors[] = {
        {{.id = RV_TYPE_BOOL}, "true", 508203992382727667},
        {{.id = RV_TYPE_INT16}, "1", -6624857197198656265},
        {{.id = RV_TYPE_INT64}, "1", -6624857197198656265},
        {{.id = RV_TYPE_INT16}, "-1", -2622824284625119576},
        {{.id = RV_TYPE_INT32}, "-1", -2622824284625119576},
        {{.id = RV_TYPE_UINT64}, "18446744073709551615", -1957626744050584077},
        {{.id = RV_TYPE_FLOAT32}, "1.5", -6575416904196488685},
        {{.id = RV_TYPE_FLOAT64}, "NaN", -8010233657588521006},
        {{.id = RV_TYPE_FLOAT64}, "-0.0", -1331791784544214528},
        {{.id = RV_TYPE_DECIMAL, .precision = 10, .scale = 2}, "-0.01", -6775033068671882413},
        {{.id = RV_TYPE_DECIMAL, .precision = 76, .scale = 2}, "-0.01", -6775033068671882413},
        {{.id = RV_TYPE_DATE}, "1970-01-02", 3623144235264530053},
        {{.id = RV_TYPE_TIME}, "00:00:01", -8028773095871890480},
        {{.id = RV_TYPE_TIMESTAMP}, "1970-01-01 00:00:01", -4396751896484544027},
        {{.id = RV_TYPE_TIMESTAMP_TZ}, "1970-01-01 00:00:01+00", 7474275168401128959},
        {{.id = RV_TYPE_STRING}, "", 5180462577544456713},
        {{.id = RV_TYPE_STRING}, "rivet", -6813568481817635480},
        {{.id = RV_TYPE_JSON}, "rivet", -6813568481817635480},
        {{.id = RV_TYPE_BINARY}, "7269766574", -3847996732129017717},
        {{.id = RV_TYPE_UUID}, "00112233-4455-6677-8899-aabbccddeeff", -5766048326695529155},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        one_column one;
        open_column(&one, vectors[i].type, NULL);
        assert_int_equal(add_text(&one, vectors[i].text), RV_OK);
        assert_int_equal(hash_of(one.batch->columns), vectors[i].hash);
        close_column(&one);
    }
}

static void null_and_lists_hash_as_documented(void **state)
{
    (void)state;
    one_column one;
    open_column(&one, list_of(scalar(RV_TYPE_INT64)), NULL);
    add_null(&one);
    assert_int_equal(hash_of(one.batch->columns), -4302098779834749733);
    rv_batch_reset(one.batch);
    assert_int_equal(rv_column_close_list(begin(&one), NULL), RV_OK);
    end(&one);
    assert_int_equal(hash_of(one.batch->columns), 7068335615371681764);
    rv_batch_reset(one.batch);
    rv_column *list = begin(&one);
    assert_int_equal(rv_column_reserve(list->child, 2, NULL), RV_OK);
    rv_column_append_i64(list->child, 1);
    assert_int_equal(rv_column_append_null(list->child, NULL), RV_OK);
    assert_int_equal(rv_column_close_list(list, NULL), RV_OK);
    end(&one);
    assert_int_equal(hash_of(list), 2784534644430430187);
    close_column(&one);
}

static void a_row_is_its_cells_and_the_next_begins_anew(void **state)
{
    (void)state;
    one_column number, text;
    open_column(&number, scalar(RV_TYPE_INT64), NULL);
    open_column(&text, scalar(RV_TYPE_STRING), NULL);
    add_i64(&number, 1);
    assert_int_equal(add_text(&text, "a"), RV_OK);
    add_null(&text);
    RV_AUTO(rv_row_hasher_free) rv_row_hasher *hasher = NULL;
    assert_int_equal(rv_row_hasher_new(&hasher, NULL), RV_OK);
    for (int i = 0; i < 2; i++) {
        rv_row_hasher_add(hasher, number.batch->columns, 0);
        rv_row_hasher_add(hasher, text.batch->columns, 0);
        rv_row_hasher_add(hasher, text.batch->columns, 1);
        assert_int_equal((int64_t)rv_row_hasher_take(hasher).low, 1897989663250352768);
    }
    close_column(&number);
    close_column(&text);
}

/* Around the hasher's 4096 bytes and far beyond them. The bytes are put together here by hand. */
static void a_row_of_any_size_hashes_as_one_piece(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 4085, 4086, 4087, 4090, 4091, 4092, 4096, 5000, 100000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const size_t n = sizes[i];
        uint8_t *bytes = calloc(n + 10, 1);
        assert_non_null(bytes);
        bytes[0] = bytes[n + 5] = 0x0d;
        for (int b = 0; b < 4; b++)
            bytes[1 + b] = (uint8_t)(n >> (8 * b));
        memset(bytes + 5, 'x', n);
        one_column one;
        open_column(&one, scalar(RV_TYPE_STRING), NULL);
        add_bytes(&one, bytes + 5, n);
        add_bytes(&one, "", 0);
        RV_AUTO(rv_row_hasher_free) rv_row_hasher *hasher = NULL;
        assert_int_equal(rv_row_hasher_new(&hasher, NULL), RV_OK);
        rv_row_hasher_add(hasher, one.batch->columns, 0);
        rv_row_hasher_add(hasher, one.batch->columns, 1);
        rv_hash128 whole = rv_xxh3_128(bytes, n + 10), pieces = rv_row_hasher_take(hasher);
        assert_int_equal(whole.low, pieces.low);
        assert_int_equal(whole.high, pieces.high);
        close_column(&one);
        free(bytes);
    }
}

static void a_hasher_that_cannot_be_made_says_so(void **state)
{
    (void)state;
    for (int n = 1;; n++) {
        rv_row_hasher *hasher = NULL;
        rv_error err = {0};
        fault_arm(FAULT_ALLOC, n, FAULT_TRANSIENT, 0);
        rv_code rc = rv_row_hasher_new(&hasher, &err);
        bool fired = fault_disarm();
        if (rc == RV_OK) {
            assert_false(fired);
            rv_row_hasher_free(hasher);
            return;
        }
        assert_int_equal(rc, RV_E_OUT_OF_MEMORY);
        assert_null(hasher);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_hash_as_documented),
        cmocka_unit_test(null_and_lists_hash_as_documented),
        cmocka_unit_test(a_row_is_its_cells_and_the_next_begins_anew),
        cmocka_unit_test(a_row_of_any_size_hashes_as_one_piece),
        cmocka_unit_test(a_hasher_that_cannot_be_made_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
