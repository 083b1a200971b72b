/* local_support.h - one local destination in a folder of its own. For tests of the destinations only. */
#ifndef TESTS_UNIT_DEST_LOCAL_SUPPORT_H
#define TESTS_UNIT_DEST_LOCAL_SUPPORT_H

#include "lib/temp_dir.h"
#include "rivet/dest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

typedef struct local_fixture {
    char *base;   /* what the test may fill */
    char *folder; /* <base>/out: the destination */
    rv_dest *dest;
    rv_error err;
} local_fixture;

static inline rv_dest *open_local(const char *path, rv_error *err)
{
    const rv_dest_config cfg = {.kind = "local", .path = path};
    rv_dest *dest = NULL;
    assert_int_equal(rv_dest_open(&dest, &cfg, path, NULL, err), RV_OK);
    return dest;
}

static inline int local_setup(void **state)
{
    local_fixture *f = calloc(1, sizeof *f);
    if (f == NULL)
        return -1;
    f->base = temp_dir_new();
    f->folder = temp_dir_join(f->base, "out");
    f->dest = open_local(f->folder, &f->err);
    *state = f;
    return 0;
}

static inline int local_teardown(void **state)
{
    local_fixture *f = *state;
    rv_dest_close(f->dest);
    temp_dir_free(f->base);
    free(f->folder);
    free(f);
    return 0;
}

/* A finished spool file of `len` bytes in `folder`. */
static inline rv_spool *spool_with(const char *folder, const void *data, size_t len)
{
    rv_spool *spool = NULL;
    assert_int_equal(rv_spool_open(&spool, folder, "run", NULL), RV_OK);
    assert_int_equal(rv_sink_write(rv_spool_sink(spool), data, len, NULL), RV_OK);
    assert_int_equal(rv_spool_finish(spool, NULL), RV_OK);
    return spool;
}

#endif
