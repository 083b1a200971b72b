#include "support.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* A child that tells who it is and waits to be killed. */
static pid_t start_child(const char *name, rv_owner *out)
{
    int channel[2];
    assert_int_equal(pipe(channel), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_NAME, name, 0, 0, 0);
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nobody behind */
        rv_owner self;
        if (rv_owner_self(&self, NULL) != RV_OK || write(channel[1], &self, sizeof self) != sizeof self)
            _exit(1);
        for (;;)
            pause();
    }
    close(channel[1]);
    assert_int_equal(read(channel[0], out, sizeof *out), sizeof *out);
    close(channel[0]);
    return pid;
}

static void an_owner_that_is_this_process_lives_whatever_its_lease_says(void **state)
{
    fixture *f = *state;
    assert_true(rvi_owner_alive(f->self.text, T0_US + 1, T0_US));
    assert_true(rvi_owner_alive(f->self.text, T0_US - 1, T0_US));
}

static void a_killed_process_is_dead_before_and_after_its_parent_asks(void **state)
{
    (void)state;
    rv_owner child;
    pid_t pid = start_child("child", &child);
    assert_true(rvi_owner_alive(child.text, 0, T0_US));
    assert_int_equal(kill(pid, SIGKILL), 0);
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    assert_false(rvi_owner_alive(child.text, INT64_MAX, T0_US)); /* a zombie */
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_false(rvi_owner_alive(child.text, INT64_MAX, T0_US));
}

static void a_process_may_have_brackets_and_blanks_in_its_name(void **state)
{
    (void)state;
    rv_owner child;
    pid_t pid = start_child(") Z 1 (2) 3", &child);
    assert_true(rvi_owner_alive(child.text, 0, T0_US));
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void a_later_process_of_the_same_number_is_another_one(void **state)
{
    fixture *f = *state;
    assert_false(rvi_owner_alive(f->dead.text, INT64_MAX, T0_US));
}

static void an_owner_of_another_boot_is_judged_by_its_lease(void **state)
{
    fixture *f = *state;
    assert_true(rvi_owner_alive(f->foreign.text, T0_US + 1, T0_US));
    assert_false(rvi_owner_alive(f->foreign.text, T0_US, T0_US));
}

static void an_owner_of_another_pid_namespace_is_judged_by_its_lease(void **state)
{
    fixture *f = *state;
    rv_owner other = f->dead;
    char *namespace = strchr(strchr(other.text, '/') + 1, '/') + 1;
    namespace[0] = namespace[0] == '4' ? '3' : '4';
    assert_true(rvi_owner_alive(other.text, T0_US + 1, T0_US));
    assert_false(rvi_owner_alive(other.text, T0_US, T0_US));
}

static void a_text_that_is_no_owner_is_judged_by_its_lease(void **state)
{
    fixture *f = *state;
    char longer[RV_OWNER_BYTES + 8];
    snprintf(longer, sizeof longer, "%s/1", f->self.text);
    const char *const texts[] = {
        "",
        "/",
        "host",
        "host/boot/1/2/3",
        longer,
        "host//1/2/3",
        "h/00000000-0000-0000-0000-000000000000/1/-5/3",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_true(rvi_owner_alive(texts[i], T0_US + 1, T0_US));
        assert_false(rvi_owner_alive(texts[i], T0_US - 1, T0_US));
    }
}

static void messages_name_process_and_host(void **state)
{
    fixture *f = *state;
    char words[RV_OWNER_WORDS_BYTES], expected[RV_OWNER_WORDS_BYTES];
    rv_owner_words(words, f->self.text);
    snprintf(expected, sizeof expected, "process %d on %.*s", (int)getpid(), (int)strcspn(f->self.text, "/"),
             f->self.text);
    assert_string_equal(words, expected);
    rv_owner_words(words, "");
    assert_string_equal(words, "nobody");
    rv_owner_words(words, "nonsense");
    assert_string_equal(words, "'nonsense'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_owner_that_is_this_process_lives_whatever_its_lease_says),
        cmocka_unit_test(a_killed_process_is_dead_before_and_after_its_parent_asks),
        cmocka_unit_test(a_process_may_have_brackets_and_blanks_in_its_name),
        cmocka_unit_test(a_later_process_of_the_same_number_is_another_one),
        cmocka_unit_test(an_owner_of_another_boot_is_judged_by_its_lease),
        cmocka_unit_test(an_owner_of_another_pid_namespace_is_judged_by_its_lease),
        cmocka_unit_test(a_text_that_is_no_owner_is_judged_by_its_lease),
        cmocka_unit_test(messages_name_process_and_host),
    };
    return cmocka_run_group_tests_name("state/owner", tests, fixture_setup, fixture_teardown);
}
