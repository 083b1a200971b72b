#include "local_support.h"

#include "dest/local/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void preparing_makes_the_folder_and_nothing_else(void **state)
{
    local_fixture *f = *state;
    assert_int_equal(temp_dir_entries(f->base, ""), 0);
    assert_int_equal(rv_dest_prepare(f->dest, &f->err), RV_OK);
    assert_int_equal(temp_dir_entries(f->base, ""), 1);
    assert_int_equal(temp_dir_entries(f->folder, ""), 0);
    assert_int_equal(rv_dest_prepare(f->dest, &f->err), RV_OK);
    assert_string_equal(rv_dest_spool_folder(f->dest), f->folder);
}

static void checking_says_what_preparing_would_and_makes_nothing(void **state)
{
    local_fixture *f = *state;
    char *deep = temp_dir_join(f->folder, "a/b");
    rv_dest *dest = open_local(deep, &f->err);
    assert_int_equal(rv_dest_check(dest, &f->err), RV_OK);
    assert_int_equal(temp_dir_entries(f->base, ""), 0);
    temp_file_write(f->base, "out", "a file", 6);
    assert_int_equal(rv_dest_check(dest, &f->err), RV_E_DEST_UNAVAILABLE);
    rv_dest_close(dest);
    free(deep);
    dest = open_local(f->base, &f->err);
    assert_int_equal(rv_dest_check(dest, &f->err), RV_OK);
    assert_int_equal(temp_dir_entries(f->base, ""), 1);
    rv_dest_close(dest);
}

static void missing_folders_above_are_made(void **state)
{
    local_fixture *f = *state;
    char *deep = temp_dir_join(f->base, "./a//b/c/");
    rv_dest *dest = open_local(deep, &f->err);
    assert_int_equal(rv_dest_prepare(dest, &f->err), RV_OK);
    assert_int_equal(rv_dest_put_bytes(dest, "x", "1", 1, &f->err), RV_OK);
    char *plain = temp_dir_join(f->base, "a/b/c");
    assert_true(temp_file_holds(plain, "x", "1", 1));
    assert_string_equal(rv_dest_spool_folder(dest), plain);
    rv_dest_close(dest);
    free(plain);
    free(deep);
}

static void a_relative_path_is_fixed_when_the_destination_is_opened(void **state)
{
    local_fixture *f = *state;
    char before[4096];
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(f->base), 0);
    rv_dest *dest = open_local("./rel", &f->err);
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(rv_dest_put_bytes(dest, "x", "1", 1, &f->err), RV_OK);
    rv_dest_close(dest);
    char *made = temp_dir_join(f->base, "rel");
    assert_true(temp_file_holds(made, "x", "1", 1));
    free(made);
    assert_int_equal(chdir(before), 0);
}

static void the_uri_shows_the_absolute_path_encoded(void **state)
{
    local_fixture *f = *state;
    rv_dest *dest = open_local("/data/a b/%/ü/./x/", &f->err);
    assert_string_equal(rv_dest_uri(dest), "file:///data/a%20b/%25/%C3%BC/x");
    rv_dest_close(dest);
    dest = open_local("/", &f->err);
    assert_string_equal(rv_dest_uri(dest), "file:///");
    rv_dest_close(dest);
}

static void an_empty_path_is_refused(void **state)
{
    local_fixture *f = *state;
    const rv_dest_config cfg = {.kind = "local", .path = ""};
    rv_dest *dest = NULL;
    assert_int_equal(rv_dest_open(&dest, &cfg, "", NULL, &f->err), RV_E_CONFIG_VALUE);
    assert_null(dest);
}

static void a_spool_file_becomes_the_object_without_a_copy(void **state)
{
    local_fixture *f = *state;
    assert_int_equal(rv_dest_prepare(f->dest, &f->err), RV_OK);
    rv_spool *spool = spool_with(rv_dest_spool_folder(f->dest), "content", 7);
    struct stat before, after;
    assert_int_equal(stat(rv_spool_path(spool), &before), 0);
    assert_int_equal(rv_dest_put_file(f->dest, rv_spool_path(spool), "part.csv", &f->err), RV_OK);
    rv_spool_release(spool);
    char *object = temp_dir_join(f->folder, "part.csv");
    assert_int_equal(stat(object, &after), 0);
    free(object);
    assert_true(before.st_ino == after.st_ino);
    assert_true(temp_file_holds(f->folder, "part.csv", "content", 7));
    assert_int_equal(temp_dir_entries(f->folder, ""), 1);
}

static void a_spool_file_of_another_folder_is_taken_over_as_well(void **state)
{
    local_fixture *f = *state;
    rv_spool *spool = spool_with(f->base, "content", 7);
    assert_int_equal(rv_dest_put_file(f->dest, rv_spool_path(spool), "part.csv", &f->err), RV_OK);
    rv_spool_release(spool);
    assert_true(temp_file_holds(f->folder, "part.csv", "content", 7));
    assert_int_equal(temp_dir_entries(f->base, RV_SPOOL_PREFIX), 0);
}

static void a_missing_spool_file_is_an_error_of_the_spool(void **state)
{
    local_fixture *f = *state;
    assert_int_equal(rv_dest_prepare(f->dest, &f->err), RV_OK);
    char *missing = temp_dir_join(f->folder, "gone");
    assert_int_equal(rv_dest_put_file(f->dest, missing, "part.csv", &f->err), RV_E_SPOOL);
    assert_int_equal(rv_dest_put_file(f->dest, f->base, "part.csv", &f->err), RV_E_SPOOL);
    free(missing);
    assert_int_equal(temp_dir_entries(f->folder, ""), 0);
}

static void published_files_have_the_mode_that_the_umask_leaves(void **state)
{
    local_fixture *f = *state;
    mode_t before = umask(027);
    assert_int_equal(rv_dest_prepare(f->dest, &f->err), RV_OK);
    rv_spool *spool = spool_with(rv_dest_spool_folder(f->dest), "x", 1);
    assert_int_equal(rv_dest_put_file(f->dest, rv_spool_path(spool), "part", &f->err), RV_OK);
    rv_spool_release(spool);
    assert_int_equal(rv_dest_put_bytes(f->dest, "bytes", "x", 1, &f->err), RV_OK);
    umask(before);
    static const char *const names[] = {"part", "bytes"};
    for (size_t i = 0; i < 2; i++) {
        struct stat status;
        char *object = temp_dir_join(f->folder, names[i]);
        assert_int_equal(stat(object, &status), 0);
        assert_int_equal(status.st_mode & 07777, 0640);
        free(object);
    }
    struct stat status;
    assert_int_equal(stat(f->folder, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0750);
}

static void a_hostile_name_touches_nothing(void **state)
{
    local_fixture *f = *state;
    assert_int_equal(rv_dest_prepare(f->dest, &f->err), RV_OK);
    temp_file_write(f->base, "victim", "v", 1);
    rv_bytes out = RV_BYTES_INIT(100);
    bool found;
    assert_int_equal(rv_dest_put_bytes(f->dest, "../victim", "x", 1, &f->err), RV_E_DEST_DENIED);
    assert_int_equal(rv_dest_get(f->dest, "../victim", &out, &found, &f->err), RV_E_DEST_DENIED);
    assert_int_equal(rv_dest_remove(f->dest, "../victim", &f->err), RV_E_DEST_DENIED);
    assert_true(temp_file_holds(f->base, "victim", "v", 1));
    assert_int_equal(out.len, 0);
}

static void reading_from_a_folder_that_is_not_there_finds_nothing(void **state)
{
    local_fixture *f = *state;
    rv_bytes out = RV_BYTES_INIT(100);
    bool found = true;
    assert_int_equal(rv_dest_get(f->dest, "manifest.json", &out, &found, &f->err), RV_OK);
    assert_false(found);
    assert_int_equal(rv_dest_remove(f->dest, "manifest.json", &f->err), RV_OK);
    assert_int_equal(temp_dir_entries(f->base, ""), 0);
}

static void what_is_not_a_file_is_neither_read_nor_listed(void **state)
{
    local_fixture *f = *state;
    assert_int_equal(rv_dest_prepare(f->dest, &f->err), RV_OK);
    char *fifo = temp_dir_join(f->folder, "fifo"), *inner = temp_dir_join(f->folder, "folder");
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(mkdir(inner, 0700), 0);
    rv_bytes out = RV_BYTES_INIT(100);
    bool found;
    assert_int_equal(rv_dest_get(f->dest, "fifo", &out, &found, &f->err), RV_E_DEST_UNAVAILABLE);
    assert_int_equal(rv_dest_get(f->dest, "folder", &out, &found, &f->err), RV_E_DEST_UNAVAILABLE);
    assert_int_equal(rv_dest_put_bytes(f->dest, "folder", "x", 1, &f->err), RV_E_DEST_WRITE);
    assert_non_null(strstr(f->err.hint, "folder"));
    assert_int_equal(temp_dir_entries(f->folder, ""), 2);
    free(fifo);
    free(inner);
}

/* ---- a folder that goes away ---- */

typedef void (*accident)(const local_fixture *f);

static void remove_it(const local_fixture *f)
{
    temp_dir_empty(f->folder);
    assert_int_equal(rmdir(f->folder), 0);
}

static void replace_it(const local_fixture *f)
{
    remove_it(f);
    assert_int_equal(mkdir(f->folder, 0777), 0);
}

static void move_it_away(const local_fixture *f)
{
    char *elsewhere = temp_dir_join(f->base, "elsewhere");
    assert_int_equal(rename(f->folder, elsewhere), 0);
    free(elsewhere);
}

static void swap_it_for_a_file(const local_fixture *f)
{
    remove_it(f);
    temp_file_write(f->base, "out", "", 0);
}

static void a_vanished_folder_is_noticed_by_every_operation(void **state)
{
    local_fixture *f = *state;
    static const accident accidents[] = {remove_it, replace_it, move_it_away, swap_it_for_a_file};
    for (size_t i = 0; i < sizeof accidents / sizeof accidents[0]; i++) {
        rv_dest *dest = open_local(f->folder, &f->err);
        assert_int_equal(rv_dest_prepare(dest, &f->err), RV_OK);
        rv_spool *inside = spool_with(rv_dest_spool_folder(dest), "x", 1);
        rv_spool *outside = spool_with(f->base, "x", 1);
        accidents[i](f);
        rv_bytes out = RV_BYTES_INIT(100);
        bool found;
        assert_int_equal(rv_dest_put_file(dest, rv_spool_path(inside), "a", &f->err), RV_E_DEST_UNAVAILABLE);
        assert_non_null(strstr(f->err.message, f->folder));
        assert_true(f->err.hint[0] != '\0');
        assert_int_equal(rv_dest_put_file(dest, rv_spool_path(outside), "a", &f->err), RV_E_DEST_UNAVAILABLE);
        assert_int_equal(rv_dest_put_bytes(dest, "a", "x", 1, &f->err), RV_E_DEST_UNAVAILABLE);
        assert_int_equal(rv_dest_get(dest, "a", &out, &found, &f->err), RV_E_DEST_UNAVAILABLE);
        assert_int_equal(rv_dest_remove(dest, "a", &f->err), RV_E_DEST_UNAVAILABLE);
        rv_spool_discard(inside);
        rv_spool_discard(outside);
        rv_dest_close(dest);
        temp_dir_empty(f->base);
    }
}

static void a_link_that_is_pointed_elsewhere_is_noticed(void **state)
{
    local_fixture *f = *state;
    char *one = temp_dir_join(f->base, "one"), *two = temp_dir_join(f->base, "two");
    char *link = temp_dir_join(f->base, "link");
    assert_int_equal(mkdir(one, 0777) | mkdir(two, 0777) | symlink("one", link), 0);
    rv_dest *dest = open_local(link, &f->err);
    assert_int_equal(rv_dest_put_bytes(dest, "a", "x", 1, &f->err), RV_OK);
    assert_true(temp_file_holds(one, "a", "x", 1));
    assert_int_equal(unlink(link) | symlink("two", link), 0);
    assert_int_equal(rv_dest_put_bytes(dest, "b", "x", 1, &f->err), RV_E_DEST_UNAVAILABLE);
    assert_int_equal(temp_dir_entries(one, "") + temp_dir_entries(two, ""), 1);
    rv_dest_close(dest);
    free(one);
    free(two);
    free(link);
}

static void a_file_in_the_place_of_the_folder_is_unavailable(void **state)
{
    local_fixture *f = *state;
    temp_file_write(f->base, "out", "x", 1);
    assert_int_equal(rv_dest_prepare(f->dest, &f->err), RV_E_DEST_UNAVAILABLE);
    assert_non_null(strstr(f->err.hint, "not a folder"));
    char *below = temp_dir_join(f->folder, "deeper");
    rv_dest *dest = open_local(below, &f->err);
    assert_int_equal(rv_dest_prepare(dest, &f->err), RV_E_DEST_UNAVAILABLE);
    rv_dest_close(dest);
    free(below);
}

/* ---- permissions: as somebody who is not root ---- */

enum { NOBODY = 65534 };

static void a_folder_that_may_not_be_written_is_denied_with_a_hint(void **state)
{
    local_fixture *f = *state;
    assert_int_equal(mkdir(f->folder, 0755), 0);
    assert_int_equal(chmod(f->base, 0755) | chmod(f->folder, 0555), 0);
    bool was_root = geteuid() == 0;
    if (was_root)
        assert_int_equal(seteuid(NOBODY), 0);
    rv_code rc = rv_dest_prepare(f->dest, &f->err);
    char *below = temp_dir_join(f->folder, "deeper");
    rv_error below_err = {0};
    rv_dest *dest = open_local(below, &below_err);
    rv_code below_rc = rv_dest_prepare(dest, &below_err);
    rv_dest_close(dest);
    free(below);
    if (was_root)
        assert_int_equal(seteuid(0), 0);
    assert_int_equal(chmod(f->folder, 0755), 0);
    assert_int_equal(rc, RV_E_DEST_DENIED);
    assert_int_equal(f->err.os_errno, EACCES);
    assert_non_null(strstr(f->err.message, f->folder));
    assert_non_null(strstr(f->err.hint, "write"));
    assert_int_equal(below_rc, RV_E_DEST_DENIED);
    assert_int_equal(temp_dir_entries(f->folder, ""), 0);
}

/* ---- leftovers and neighbours ---- */

static void leftovers_of_the_dead_are_swept_and_the_work_of_the_living_is_not(void **state)
{
    local_fixture *f = *state;
    assert_int_equal(rv_dest_prepare(f->dest, &f->err), RV_OK);
    temp_file_write(f->folder, ".rivet.put-0123456789abcdef", "dead", 4);
    temp_file_write(f->folder, ".rivet.put-fedcba9876543210", "alive", 5);
    static const char *const not_ours[] = {".rivet.put-0123", ".rivet.put-0123456789abcdeX",
                                           ".rivet.put-0123456789abcdef.bak", ".rivet-run-0123456789abcdef"};
    for (size_t i = 0; i < 4; i++)
        temp_file_write(f->folder, not_ours[i], "x", 1);
    char *alive = temp_dir_join(f->folder, ".rivet.put-fedcba9876543210");
    int fd = open(alive, O_RDWR);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_int_equal(rv_dest_prepare(f->dest, &f->err), RV_OK);
    assert_int_equal(temp_dir_entries(f->folder, ""), 5);
    assert_int_equal(temp_dir_entries(f->folder, ".rivet.put-0123456789abcdef.bak"), 1);
    assert_int_equal(temp_dir_entries(f->folder, ".rivet.put-fedcba9876543210"), 1);
    close(fd);
    assert_int_equal(rv_dest_prepare(f->dest, &f->err), RV_OK);
    assert_int_equal(temp_dir_entries(f->folder, ""), 4);
    free(alive);
}

static void make_old(const local_fixture *f, const char *name)
{
    const struct timespec times[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
    char *path = temp_dir_join(f->folder, name);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    free(path);
}

/* A process that joined a run and died has left them; nobody else knows that run by name. */
static void spool_files_of_the_dead_are_swept_once_they_are_old(void **state)
{
    local_fixture *f = *state;
    static const char dead[] = ".rivet-t_20261121T093000.123-0123456789abcdef",
                      *const others[] = {
                          ".rivet-t_20261121T093000.123-fedcba9876543210", /* written just now */
                          ".rivet-notes.txt", ".rivet_state.db", ".rivet-0123456789abcdef"};
    RV_AUTO(rv_spool_discard) rv_spool *open_one = NULL, *finished = NULL;
    assert_int_equal(rv_dest_prepare(f->dest, &f->err), RV_OK);
    temp_file_write(f->folder, dead, "dead", 4);
    for (size_t i = 0; i < 4; i++)
        temp_file_write(f->folder, others[i], "x", 1);
    assert_int_equal(rv_spool_open(&open_one, f->folder, "t_1", &f->err), RV_OK);
    assert_int_equal(rv_spool_open(&finished, f->folder, "t_2", &f->err), RV_OK);
    assert_int_equal(rv_spool_finish(finished, &f->err), RV_OK);
    make_old(f, dead);
    for (size_t i = 1; i < 4; i++)
        make_old(f, others[i]);
    make_old(f, strrchr(rv_spool_path(open_one), '/') + 1);
    make_old(f, strrchr(rv_spool_path(finished), '/') + 1);
    assert_int_equal(rv_dest_prepare(f->dest, &f->err), RV_OK);
    assert_int_equal(temp_dir_entries(f->folder, dead), 0);
    assert_int_equal(temp_dir_entries(f->folder, ""), 6);
    char *path = strdup(rv_spool_path(finished));
    assert_non_null(path);
    rv_spool_release(finished); /* as if its process had died */
    finished = NULL;
    make_old(f, strrchr(path, '/') + 1);
    assert_int_equal(rv_dest_prepare(f->dest, &f->err), RV_OK);
    assert_int_equal(temp_dir_entries(f->folder, ""), 5);
    free(path);
}

enum { N_WRITERS = 8, N_PUTS = 30, OBJECT_BYTES = 10000 };

/* A writer among others: every put must succeed, whatever the neighbours sweep or replace. */
static int put_repeatedly(const char *folder, int seed)
{
    uint8_t object[OBJECT_BYTES];
    memset(object, 'a' + seed, sizeof object);
    const rv_dest_config cfg = {.kind = "local", .path = folder};
    for (int i = 0; i < N_PUTS; i++) {
        RV_AUTO(rv_dest_close) rv_dest *dest = NULL;
        RV_AUTO(rv_spool_discard) rv_spool *spool = NULL;
        rv_error err = {0};
        if (rv_dest_open(&dest, &cfg, folder, NULL, &err) != RV_OK || rv_dest_prepare(dest, &err) != RV_OK ||
            rv_dest_put_bytes(dest, "manifest.json", object, sizeof object, &err) != RV_OK ||
            rv_spool_open(&spool, rv_dest_spool_folder(dest), "run", &err) != RV_OK ||
            rv_sink_write(rv_spool_sink(spool), object, sizeof object, &err) != RV_OK ||
            rv_spool_finish(spool, &err) != RV_OK ||
            rv_dest_put_file(dest, rv_spool_path(spool), "part.csv", &err) != RV_OK) {
            fprintf(stderr, "writer %d: %s\n", seed, err.message);
            return 1;
        }
    }
    return 0;
}

static void assert_whole(const char *folder, const char *name)
{
    bool whole = false;
    for (int seed = 0; seed < N_WRITERS && !whole; seed++) {
        uint8_t object[OBJECT_BYTES];
        memset(object, 'a' + seed, sizeof object);
        whole = temp_file_holds(folder, name, object, sizeof object);
    }
    assert_true(whole);
}

static void eight_processes_in_one_folder_do_not_disturb_each_other(void **state)
{
    local_fixture *f = *state;
    pid_t writers[N_WRITERS];
    for (int i = 0; i < N_WRITERS; i++) {
        writers[i] = fork();
        assert_true(writers[i] >= 0);
        if (writers[i] == 0)
            _exit(put_repeatedly(f->folder, i));
    }
    for (int i = 0; i < N_WRITERS; i++) {
        int status;
        assert_int_equal(waitpid(writers[i], &status, 0), writers[i]);
        assert_int_equal(status, 0);
    }
    assert_whole(f->folder, "manifest.json");
    assert_whole(f->folder, "part.csv");
    assert_int_equal(temp_dir_entries(f->folder, ""), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define LOCAL_TEST(name) cmocka_unit_test_setup_teardown(name, local_setup, local_teardown)
        LOCAL_TEST(preparing_makes_the_folder_and_nothing_else),
        LOCAL_TEST(checking_says_what_preparing_would_and_makes_nothing),
        LOCAL_TEST(missing_folders_above_are_made),
        LOCAL_TEST(a_relative_path_is_fixed_when_the_destination_is_opened),
        LOCAL_TEST(the_uri_shows_the_absolute_path_encoded),
        LOCAL_TEST(an_empty_path_is_refused),
        LOCAL_TEST(a_spool_file_becomes_the_object_without_a_copy),
        LOCAL_TEST(a_spool_file_of_another_folder_is_taken_over_as_well),
        LOCAL_TEST(a_missing_spool_file_is_an_error_of_the_spool),
        LOCAL_TEST(published_files_have_the_mode_that_the_umask_leaves),
        LOCAL_TEST(a_hostile_name_touches_nothing),
        LOCAL_TEST(reading_from_a_folder_that_is_not_there_finds_nothing),
        LOCAL_TEST(what_is_not_a_file_is_neither_read_nor_listed),
        LOCAL_TEST(a_vanished_folder_is_noticed_by_every_operation),
        LOCAL_TEST(a_link_that_is_pointed_elsewhere_is_noticed),
        LOCAL_TEST(a_file_in_the_place_of_the_folder_is_unavailable),
        LOCAL_TEST(a_folder_that_may_not_be_written_is_denied_with_a_hint),
        LOCAL_TEST(leftovers_of_the_dead_are_swept_and_the_work_of_the_living_is_not),
        LOCAL_TEST(spool_files_of_the_dead_are_swept_once_they_are_old),
        LOCAL_TEST(eight_processes_in_one_folder_do_not_disturb_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
