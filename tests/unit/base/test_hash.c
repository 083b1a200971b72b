#include "rivet/hash.h"

#include "fault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* XXH3: what the reference program says (xxhsum -H3). MD5: RFC 1321, A.5. */
static const struct {
    const char *text, *xxh3, *md5;
} vectors[] = {
    {"", "xxh3:2d06800538d394c2", "1B2M2Y8AsgTpgAmY7PhCfg=="},
    {"a", "xxh3:e6c632b61e964e1f", "DMF1ucDxtqgxw5niaXcmYQ=="},
    {"abc", "xxh3:78af5f94892f3950", "kAFQmDzST7DWlj99KOF/cg=="},
};

static void known_texts_have_their_published_digests(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        RV_AUTO(rv_digest_free) rv_digest *digest = NULL;
        uint8_t md5[RV_MD5_BYTES];
        char text[RV_XXH3_TEXT_BYTES], base64[RV_MD5_BASE64_BYTES];
        assert_int_equal(rv_digest_new(&digest, NULL), RV_OK);
        rv_digest_update(digest, vectors[i].text, strlen(vectors[i].text));
        rv_xxh3_text(text, rv_digest_xxh3(digest));
        assert_string_equal(text, vectors[i].xxh3);
        rv_digest_md5(digest, md5);
        rv_base64_md5(base64, md5);
        assert_string_equal(base64, vectors[i].md5);
        assert_int_equal(rv_xxh3(vectors[i].text, strlen(vectors[i].text), 0), rv_digest_xxh3(digest));
    }
}

static void a_stream_in_any_pieces_has_the_digest_of_the_whole(void **state)
{
    (void)state;
    uint8_t data[5000];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 31 >> 3);
    RV_AUTO(rv_digest_free) rv_digest *whole = NULL;
    assert_int_equal(rv_digest_new(&whole, NULL), RV_OK);
    rv_digest_update(whole, data, sizeof data);
    uint8_t whole_md5[RV_MD5_BYTES], md5[RV_MD5_BYTES];
    rv_digest_md5(whole, whole_md5);
    assert_int_equal(rv_digest_xxh3(whole), rv_xxh3(data, sizeof data, 0));

    for (size_t piece = 1; piece < 700; piece += 37) {
        RV_AUTO(rv_digest_free) rv_digest *digest = NULL;
        assert_int_equal(rv_digest_new(&digest, NULL), RV_OK);
        for (size_t at = 0; at < sizeof data; at += piece)
            rv_digest_update(digest, data + at, sizeof data - at < piece ? sizeof data - at : piece);
        rv_digest_update(digest, NULL, 0);
        assert_int_equal(rv_digest_xxh3(digest), rv_digest_xxh3(whole));
        rv_digest_md5(digest, md5);
        assert_memory_equal(md5, whole_md5, RV_MD5_BYTES);
        rv_digest_md5(digest, md5); /* asked again, the same answer */
        assert_memory_equal(md5, whole_md5, RV_MD5_BYTES);
    }
}

static void a_seed_changes_the_hash(void **state)
{
    (void)state;
    assert_true(rv_xxh3("orders", 6, 1) != rv_xxh3("orders", 6, 2));
}

/* An empty column has no memory to point to. The values are those of the specification's reference: xxhsum -H64, -H3. */
static void no_bytes_hash_like_an_empty_text_even_without_an_address(void **state)
{
    (void)state;
    assert_int_equal(rv_xxh64(NULL, 0, 0), UINT64_C(0xef46db3751d8e999));
    assert_int_equal(rv_xxh64("", 0, 0), UINT64_C(0xef46db3751d8e999));
    assert_int_equal(rv_xxh64("abc", 3, 0), UINT64_C(0x44bc2cf5ad770999));
    assert_int_equal(rv_xxh3(NULL, 0, 0), UINT64_C(0x2d06800538d394c2));
    RV_AUTO(rv_digest_free) rv_digest *digest = NULL;
    assert_int_equal(rv_digest_new(&digest, NULL), RV_OK);
    rv_digest_update(digest, NULL, 0);
    assert_int_equal(rv_digest_xxh3(digest), UINT64_C(0x2d06800538d394c2));
}

static void small_hashes_keep_their_leading_zeros(void **state)
{
    (void)state;
    char text[RV_XXH3_TEXT_BYTES];
    rv_xxh3_text(text, 0xABC);
    assert_string_equal(text, "xxh3:0000000000000abc");
    rv_xxh3_text(text, UINT64_MAX);
    assert_string_equal(text, "xxh3:ffffffffffffffff");
}

static void any_failed_allocation_is_reported_and_leaks_nothing(void **state)
{
    (void)state;
    for (int n = 1;; n++) {
        rv_digest *digest = NULL;
        rv_error err = {0};
        fault_arm(FAULT_ALLOC, n, FAULT_TRANSIENT, 0);
        rv_code rc = rv_digest_new(&digest, &err);
        if (!fault_disarm()) {
            assert_int_equal(rc, RV_OK);
            rv_digest_free(digest);
            assert_true(n > 1);
            break;
        }
        assert_int_equal(rc, RV_E_OUT_OF_MEMORY);
        assert_int_equal(err.code, RV_E_OUT_OF_MEMORY);
        assert_null(digest);
    }
    rv_digest_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_texts_have_their_published_digests),
        cmocka_unit_test(a_stream_in_any_pieces_has_the_digest_of_the_whole),
        cmocka_unit_test(a_seed_changes_the_hash),
        cmocka_unit_test(no_bytes_hash_like_an_empty_text_even_without_an_address),
        cmocka_unit_test(small_hashes_keep_their_leading_zeros),
        cmocka_unit_test(any_failed_allocation_is_reported_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
