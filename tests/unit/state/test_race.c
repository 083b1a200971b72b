/* Several real processes on one store. Children never use cmocka: they exit with a small number. */
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

enum { RACERS = 8, ROUNDS = 5, WON = 0, WAS_SECOND = 10, BROKE = 11 };

/* What one racer does once all of them stand at the line. */
typedef int (*racer)(fixture *f, rv_state *store, const rv_owner *self);

static int run_racer(fixture *f, int line, racer race)
{
    char nothing;
    rv_owner self;
    rv_state *store = NULL;
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nobody behind */
    if (rv_owner_self(&self, NULL) != RV_OK || read(line, &nothing, 1) != 0 ||
        rv_state_open(&store, f->path, RV_STATE_WRITE, &f->clock.base, NULL) != RV_OK)
        return BROKE;
    int result = race(f, store, &self);
    rv_state_close(store);
    return result;
}

/* Returns how many won; everybody else must have been second. */
static int race_all(fixture *f, racer race)
{
    int line[2], n_won = 0;
    pid_t children[RACERS];
    assert_int_equal(pipe(line), 0);
    for (int i = 0; i < RACERS; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0) {
            close(line[1]);
            _exit(run_racer(f, line[0], race));
        }
    }
    close(line[0]);
    close(line[1]);
    for (int i = 0; i < RACERS; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_true(WIFEXITED(status));
        assert_true(WEXITSTATUS(status) == WON || WEXITSTATUS(status) == WAS_SECOND);
        n_won += WEXITSTATUS(status) == WON;
    }
    return n_won;
}

static int verdict_of(rv_code rc)
{
    if (rc == RV_OK)
        return WON;
    return rc == RV_E_RUN_LEASE_HELD ? WAS_SECOND : BROKE;
}

static int race_to_start(fixture *f, rv_state *store, const rv_owner *self)
{
    (void)f;
    char run_id[64];
    snprintf(run_id, sizeof run_id, "orders_%d", (int)getpid());
    rv_chunk chunks[N_CHUNKS];
    make_chunks(chunks);
    const rv_run_plan plan = plan_of(run_id, "orders");
    return verdict_of(rv_state_start_run(store, &plan, chunks, N_CHUNKS, self, LEASE_MS, NULL));
}

static void of_many_that_start_an_export_at_once_one_runs_it(void **state)
{
    fixture *f = *state;
    for (int round = 0; round < ROUNDS; round++) {
        assert_int_equal(race_all(f, race_to_start), 1);
        assert_int_equal(ask(f, "SELECT count(*) FROM runs WHERE status = 'running'"), 1);
        tell(f, "DELETE FROM chunks; DELETE FROM runs");
    }
}

static int race_to_take_over(fixture *f, rv_state *store, const rv_owner *self)
{
    (void)f;
    return verdict_of(rv_state_take_over(store, "orders_1", self, LEASE_MS, NULL));
}

static int race_to_take_over_and_stay(fixture *f, rv_state *store, const rv_owner *self)
{
    int result = race_to_take_over(f, store, self);
    if (result == WON) /* alive, as far as the kernel knows, until everybody else has lost */
        (void)kill(getpid(), SIGSTOP);
    return result;
}

static void of_many_that_take_a_run_over_one_gets_it(void **state)
{
    fixture *f = *state;
    rv_state *store = open_store(f, RV_STATE_WRITE);
    start_run(f, store, "orders_1", "orders", &f->dead);
    rv_state_close(store);
    int line[2], n_stopped = 0, n_second = 0;
    pid_t children[RACERS];
    assert_int_equal(pipe(line), 0);
    for (int i = 0; i < RACERS; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0) {
            close(line[1]);
            _exit(run_racer(f, line[0], race_to_take_over_and_stay));
        }
    }
    close(line[0]);
    close(line[1]);
    for (int i = 0; i < RACERS; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, WUNTRACED), children[i]);
        n_stopped += WIFSTOPPED(status) ? 1 : 0;
        n_second += WIFEXITED(status) && WEXITSTATUS(status) == WAS_SECOND;
        if (WIFEXITED(status))
            children[i] = 0;
    }
    for (int i = 0; i < RACERS; i++)
        if (children[i] != 0) {
            assert_int_equal(kill(children[i], SIGKILL), 0);
            assert_int_equal(waitpid(children[i], NULL, 0), children[i]);
        }
    assert_int_equal(n_stopped, 1);
    assert_int_equal(n_second, RACERS - 1);
}

/* Joins the run and reads whatever is there, until nothing is open. */
static int race_to_read(fixture *f, rv_state *store, const rv_owner *self)
{
    (void)f;
    RV_AUTO(rv_arena_free) rv_arena *arena = NULL;
    rv_code rc = rv_arena_new(&arena, 16 << 20, NULL);
    for (int64_t n_open = 1; rc == RV_OK && n_open > 0;) {
        rv_chunk chunk;
        bool found = false;
        rc = rv_state_claim_chunk(store, "orders_1", self, LEASE_MS, arena, &chunk, &found, &n_open, NULL);
        if (rc != RV_OK || !found)
            continue;
        char name[64];
        snprintf(name, sizeof name, "chunk%d_%d", (int)chunk.index, (int)getpid());
        const rv_part part = part_of(chunk.index, name, 10);
        rc = complete_chunk(store, "orders_1", self, &chunk, 10, &part, 1, NULL);
    }
    return rc == RV_OK ? WON : BROKE;
}

static void many_processes_read_each_chunk_once(void **state)
{
    enum { CHUNKS = 60 };
    fixture *f = *state;
    rv_chunk chunks[CHUNKS];
    for (int i = 0; i < CHUNKS; i++)
        chunks[i] = (rv_chunk){.index = i, .bounds = {.kind = RV_BOUNDS_PHYSICAL, .first = i, .last = i}};
    const rv_run_plan plan = plan_of("orders_1", "orders");
    rv_state *store = open_store(f, RV_STATE_WRITE);
    assert_int_equal(rv_state_start_run(store, &plan, chunks, CHUNKS, &f->self, LEASE_MS, NULL), RV_OK);
    rv_state_close(store);
    assert_int_equal(race_all(f, race_to_read), RACERS);
    assert_int_equal(ask(f, "SELECT count(*) FROM chunks WHERE status = 'completed' AND attempts = 1"),
                     CHUNKS);
    assert_int_equal(ask(f, "SELECT count(*) FROM parts"), CHUNKS);
    assert_int_equal(ask(f, "SELECT n_claims FROM runs"), CHUNKS);
}

/* Reads chunks for ever, or until it is killed: claim, tell the parent, complete. */
static int work_until_killed(fixture *f, int progress)
{
    rv_owner self;
    rv_state *store = NULL;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (rv_owner_self(&self, NULL) != RV_OK ||
        rv_state_open(&store, f->path, RV_STATE_WRITE, &f->clock.base, NULL) != RV_OK)
        return BROKE;
    rv_code rc = rv_state_take_over(store, "orders_1", &self, LEASE_MS, NULL);
    for (;;) {
        rv_chunk chunk;
        bool found = false;
        if (rc == RV_OK)
            rc = claim_chunk(store, "orders_1", &self, &chunk, &found, NULL);
        if (rc != RV_OK || !found || write(progress, "c", 1) != 1)
            return BROKE;
        char name[32];
        snprintf(name, sizeof name, "chunk%d", (int)chunk.index);
        rv_part part = part_of(chunk.index, name, 10);
        rc = complete_chunk(store, "orders_1", &self, &chunk, 10, &part, 1, NULL);
        if (rc != RV_OK || write(progress, "d", 1) != 1)
            return BROKE;
    }
}

static void kill_after(fixture *f, int n_steps)
{
    int progress[2];
    assert_int_equal(pipe(progress), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(progress[0]);
        _exit(work_until_killed(f, progress[1]));
    }
    close(progress[1]);
    char step;
    for (int i = 0; i < n_steps; i++)
        assert_int_equal(read(progress[0], &step, 1), 1);
    assert_int_equal(kill(pid, SIGKILL), 0);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    close(progress[0]);
}

static void a_killed_owners_run_goes_on_with_every_chunk_it_completed(void **state)
{
    enum { CHUNKS = 150, KILLS = 25 };
    fixture *f = *state;
    rv_chunk chunks[CHUNKS];
    for (int i = 0; i < CHUNKS; i++)
        chunks[i] = (rv_chunk){.index = i, .bounds = {.kind = RV_BOUNDS_PHYSICAL, .first = i, .last = i}};
    const rv_run_plan plan = plan_of("orders_1", "orders");
    rv_state *store = open_store(f, RV_STATE_WRITE);
    assert_int_equal(rv_state_start_run(store, &plan, chunks, CHUNKS, &f->dead, LEASE_MS, NULL), RV_OK);
    rv_state_close(store);

    int64_t n_before = 0;
    for (int i = 0; i < KILLS; i++) {
        const int n_steps = 1 + i % 7;
        kill_after(f, n_steps);
        assert_sound(f);
        const int64_t n = ask(f, "SELECT count(*) FROM chunks WHERE status = 'completed'");
        assert_true(n >= n_before + n_steps / 2);
        assert_int_equal(ask(f, "SELECT count(*) FROM parts"), n);
        assert_int_equal(ask(f, "SELECT count(*) FROM chunks c JOIN parts p USING (run_id, chunk_index)"
                                " WHERE c.status = 'completed'"),
                         n);
        n_before = n;
    }
    store = open_store(f, RV_STATE_WRITE);
    assert_int_equal(rv_state_take_over(store, "orders_1", &f->self, LEASE_MS, NULL), RV_OK);
    assert_int_equal(read_chunks(store, "orders_1", &f->self), CHUNKS - n_before);
    const rv_run_result result = result_of("orders_1", RV_RUN_SUCCEEDED);
    assert_int_equal(rv_state_finish_run(store, &result, &f->self, NULL), RV_OK);
    assert_int_equal(ask(f, "SELECT count(DISTINCT chunk_index) FROM parts"), CHUNKS);
    rv_state_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_store(of_many_that_start_an_export_at_once_one_runs_it),
        test_with_store(of_many_that_take_a_run_over_one_gets_it),
        test_with_store(many_processes_read_each_chunk_once),
        test_with_store(a_killed_owners_run_goes_on_with_every_chunk_it_completed),
    };
    return run_state_tests("state/race", tests);
}
