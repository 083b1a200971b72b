#include "config/internal.h"

#include "fault.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ARENA_MAX_BYTES = 1 << 20 };

typedef struct parsed {
    rv_arena *arena;
    rv_redactor *redactor;
    rv_source_config source;
    rv_error err;
    rv_code rc;
} parsed;

static void parse(parsed *p, const char *url)
{
    *p = (parsed){.rc = RV_OK};
    assert_int_equal(rv_arena_new(&p->arena, ARENA_MAX_BYTES, NULL), RV_OK);
    assert_int_equal(rv_redactor_new(&p->redactor, NULL), RV_OK);
    p->rc = rv_source_config_from_url(p->arena, url, p->redactor, &p->source, &p->err);
}

static void parsed_end(parsed *p)
{
    rv_secret_free(p->source.password);
    rv_redactor_free(p->redactor);
    rv_arena_free(p->arena);
}

static bool same(const char *a, const char *b)
{
    return (!a && !b) || (a && b && strcmp(a, b) == 0);
}

typedef struct url_case {
    const char *url, *kind, *host;
    int port;
    const char *user, *password, *database, *path, *display;
} url_case;

static void the_parts_of_a_url_are_told_apart(void **state)
{
    (void)state;
    static const url_case cases[] = {
        {"postgresql://etl:pw@db1:5433/shop", "postgres", "db1", 5433, "etl", "pw", "shop", NULL,
         "postgresql://etl@db1:5433/shop"},
        {"postgres://db1", "postgres", "db1", 0, NULL, NULL, NULL, NULL, "postgresql://db1"},
        {"POSTGRESQL://db1/", "postgres", "db1", 0, NULL, NULL, NULL, NULL, "postgresql://db1"},
        {"postgresql://", "postgres", NULL, 0, NULL, NULL, NULL, NULL, "postgresql://"},
        {"postgresql:///shop", "postgres", NULL, 0, NULL, NULL, "shop", NULL, "postgresql:///shop"},
        {"postgresql://u@h:/d", "postgres", "h", 0, "u", NULL, "d", NULL, "postgresql://u@h/d"},
        {"postgresql://u:@h/d", "postgres", "h", 0, "u", NULL, "d", NULL, "postgresql://u@h/d"},
        {"postgresql://u:p:q@h/d", "postgres", "h", 0, "u", "p:q", "d", NULL, "postgresql://u@h/d"},
        {"postgresql://u:p@q@h/d", "postgres", "h", 0, "u", "p@q", "d", NULL, "postgresql://u@h/d"},
        {"postgresql://u:p#q@h/d", "postgres", "h", 0, "u", "p#q", "d", NULL, "postgresql://u@h/d"},
        {"postgresql://u%40x:p%2Fq%3f@h/d%20e", "postgres", "h", 0, "u@x", "p/q?", "d e", NULL,
         "postgresql://u%40x@h/d%20e"},
        {"postgresql://[::1]:5432/d", "postgres", "::1", 5432, NULL, NULL, "d", NULL,
         "postgresql://[::1]:5432/d"},
        {"postgresql://u@[fe80::1]/d", "postgres", "fe80::1", 0, "u", NULL, "d", NULL,
         "postgresql://u@[fe80::1]/d"},
        {"postgresql://%2Frun%2Fpg/d", "postgres", "/run/pg", 0, NULL, NULL, "d", NULL,
         "postgresql://%2Frun%2Fpg/d"},
        {"postgresql:///d?host=/run/pg&port=5433&user=u", "postgres", "/run/pg", 5433, "u", NULL, "d", NULL,
         "postgresql://u@%2Frun%2Fpg:5433/d"},
        {"postgresql://h?dbname=d", "postgres", "h", 0, NULL, NULL, "d", NULL, "postgresql://h/d"},
        {"mysql://root:pw@h:3306/d", "mysql", "h", 3306, "root", "pw", "d", NULL, "mysql://root@h:3306/d"},
        {"mariadb://u:%3A%2F%3F%23%5B%5D%40%25%27%22%20%C3%A4@h/d", "mysql", "h", 0, "u",
         ":/?#[]@%'\" \xc3\xa4", "d", NULL, "mysql://u@h/d"},
        {"mysql://u@/d?host=/run/mysqld/mysqld.sock", "mysql", "/run/mysqld/mysqld.sock", 0, "u", NULL, "d",
         NULL, "mysql://u@%2Frun%2Fmysqld%2Fmysqld.sock/d"},
        {"sqlserver://sa:pw@h/d", "mssql", "h", 0, "sa", "pw", "d", NULL, "mssql://sa@h/d"},
        {"mssql://h/d", "mssql", "h", 0, NULL, NULL, "d", NULL, "mssql://h/d"},
        {"sqlite:///abs/a.db", "sqlite", NULL, 0, NULL, NULL, NULL, "/abs/a.db", "sqlite:/abs/a.db"},
        {"sqlite://rel/a.db", "sqlite", NULL, 0, NULL, NULL, NULL, "rel/a.db", "sqlite:rel/a.db"},
        {"sqlite:rel/a.db", "sqlite", NULL, 0, NULL, NULL, NULL, "rel/a.db", "sqlite:rel/a.db"},
        {"sqlite:a%20b%3F.db?mode=ro", "sqlite", NULL, 0, NULL, NULL, NULL, "a b?.db", "sqlite:a b%3F.db"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const url_case *c = &cases[i];
        parsed p;
        parse(&p, c->url);
        const rv_source_config *s = &p.source;
        if (p.rc != RV_OK)
            fail_msg("%s: %s", c->url, p.err.message);
        const char *password = s->password ? rv_secret_reveal(s->password) : NULL;
        if (!same(s->kind, c->kind) || !same(s->host, c->host) || s->port != c->port ||
            !same(s->user, c->user) || !same(password, c->password) || !same(s->database, c->database) ||
            !same(s->path, c->path) || !same(s->display, c->display))
            fail_msg("%s: host %s port %d user %s database %s path %s display %s", c->url, s->host, s->port,
                     s->user, s->database, s->path, s->display);
        assert_string_equal(s->application_name, "rivet");
        assert_int_equal(s->connect_timeout_s, 30);
        parsed_end(&p);
    }
}

static void parameters_set_tls_and_the_session(void **state)
{
    (void)state;
    parsed p;
    parse(&p, "postgresql://h/"
              "d?sslmode=verify-ca&sslrootcert=%2Fetc%2Fca.pem&application_name=a%20b&connect_timeout=7&");
    assert_int_equal(p.rc, RV_OK);
    assert_int_equal(p.source.tls.mode, RV_TLS_VERIFY_CA);
    assert_string_equal(p.source.tls.ca_file, "/etc/ca.pem");
    assert_string_equal(p.source.application_name, "a b");
    assert_int_equal(p.source.connect_timeout_s, 7);
    parsed_end(&p);
    parse(&p, "postgresql://h/d?sslmode=verify-full&sslrootcert=system");
    assert_int_equal(p.source.tls.mode, RV_TLS_VERIFY_FULL);
    assert_null(p.source.tls.ca_file);
    parsed_end(&p);
    parse(&p, "postgresql://h/d");
    assert_int_equal(p.source.tls.mode, RV_TLS_UNSET);
    parsed_end(&p);
}

static void a_bad_url_is_refused_without_a_word_of_it(void **state)
{
    (void)state;
    static const char *const urls[] = {
        "",
        "zanzibar",
        "zanzibar://zanzibar",
        "postgresql:zanzibar",
        "postgresql:/zanzibar",
        "postgresql://zanzibar:zanzibar",
        "postgresql://u:zan/zibar@h/d", /* an unencoded slash in the password */
        "postgresql://u:123/zanzibar@h/d",
        "postgresql://u:zanzibar?x@h/d", /* an unencoded question mark */
        "postgresql://u:1?zanzibar@h/d",
        "postgresql://u:1?zanzibar=@h/d",
        "postgresql://h:0/zanzibar",
        "postgresql://h:65536/zanzibar",
        "postgresql://h:99999999999/zanzibar",
        "postgresql://h:+5/zanzibar",
        "postgresql://zanzibar1,zanzibar2/d",
        "postgresql://[zanzibar/d",
        "postgresql://[::1]zanzibar/d",
        "postgresql://h/zan%zibar",
        "postgresql://h/zanzibar%4",
        "postgresql://h/zanzibar%",
        "postgresql://u:zanzibar%zz@h/d",
        "postgresql://h/zanzibar%00",
        "postgresql://h/zanzibar\n",
        "postgresql://h/d?sslmode=prefer&x=zanzibar",
        "postgresql://h/d?sslmode=zanzibar",
        "postgresql://h/d?options=zanzibar",
        "postgresql://h/d?password=zanzibar",
        "postgresql://h/d?connect_timeout=zanzibar",
        "postgresql://h/d?connect_timeout=0",
        "postgresql://zanzibar/d?host=zanzibar",
        "postgresql://zanzibar@h/d?user=zanzibar",
        "postgresql://h/zanzibar?dbname=zanzibar",
        "sqlite:",
        "sqlite://",
        "sqlite:zanzibar?mode=rw",
        "sqlite:zan%zibar",
    };
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        parsed p;
        parse(&p, urls[i]);
        if (p.rc != RV_E_CONFIG_VALUE || strstr(p.err.message, "zanzibar") || strstr(p.err.message, "zan"))
            fail_msg("%s: %s", urls[i], p.err.message);
        assert_null(p.source.kind); /* outputs are left alone */
        parsed_end(&p);
    }
}

static void percent_encode(const char *text, char *out, size_t size)
{
    size_t len = 0;
    for (const char *c = text; *c; c++)
        len += (size_t)snprintf(out + len, size - len, "%%%02X", (unsigned char)*c);
}

static void every_byte_but_nul_survives_in_each_part(void **state)
{
    (void)state;
    char all[256], encoded[1024], url[4096];
    for (int c = 1; c < 256; c++)
        all[c - 1] = (char)c;
    all[255] = '\0';
    percent_encode(all, encoded, sizeof encoded);
    snprintf(url, sizeof url, "postgresql://%s:%s@h/%s", encoded, encoded, encoded);
    parsed p;
    parse(&p, url);
    assert_int_equal(p.rc, RV_OK);
    assert_string_equal(p.source.user, all);
    assert_string_equal(p.source.database, all);
    assert_int_equal(rv_secret_len(p.source.password), 255);
    assert_string_equal(rv_secret_reveal(p.source.password), all);
    parsed_end(&p);
}

/* Written as they are, all printable characters but three stand for themselves in a password. */
static void unencoded_passwords_work_unless_they_cut_the_url(void **state)
{
    (void)state;
    for (char c = 0x20; c < 0x7f; c++) {
        char url[64], password[] = {'p', c, 'q', '\0'};
        parsed p;
        snprintf(url, sizeof url, "postgresql://u:%s@h/d", password);
        parse(&p, url);
        if (c == '/' || c == '?' || c == '%') {
            assert_int_equal(p.rc, RV_E_CONFIG_VALUE);
        } else {
            assert_int_equal(p.rc, RV_OK);
            assert_string_equal(rv_secret_reveal(p.source.password), password);
        }
        parsed_end(&p);
    }
}

static void the_display_holds_no_password_and_no_control_character(void **state)
{
    (void)state;
    parsed p;
    parse(&p, "postgresql://u%0A%1b:zanzibar@h%0d/d%22%27%3C");
    assert_int_equal(p.rc, RV_OK);
    assert_string_equal(p.source.display, "postgresql://u%0A%1B@h%0D/d%22%27%3C");
    char text[] = "login with zanzibar failed";
    rv_redact(p.redactor, text, sizeof text);
    assert_null(strstr(text, "zanzibar"));
    parsed_end(&p);
}

static void running_out_of_memory_is_reported_and_leaks_nothing(void **state)
{
    (void)state;
    for (int n = 1;; n++) {
        rv_arena *arena = NULL;
        assert_int_equal(rv_arena_new(&arena, ARENA_MAX_BYTES, NULL), RV_OK);
        rv_source_config source = {.kind = NULL};
        rv_error err = {0};
        fault_arm(FAULT_ALLOC, n, FAULT_TRANSIENT, 0);
        rv_code rc =
            rv_source_config_from_url(arena, "postgresql://u:p@h:1/d?sslmode=require", NULL, &source, &err);
        bool hit = fault_disarm();
        assert_int_equal(rc, hit ? RV_E_OUT_OF_MEMORY : RV_OK);
        rv_secret_free(source.password);
        rv_arena_free(arena);
        if (!hit)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_parts_of_a_url_are_told_apart),
        cmocka_unit_test(parameters_set_tls_and_the_session),
        cmocka_unit_test(a_bad_url_is_refused_without_a_word_of_it),
        cmocka_unit_test(every_byte_but_nul_survives_in_each_part),
        cmocka_unit_test(unencoded_passwords_work_unless_they_cut_the_url),
        cmocka_unit_test(the_display_holds_no_password_and_no_control_character),
        cmocka_unit_test(running_out_of_memory_is_reported_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
