/* source_main.c - the source suite for every driver that this build has and this machine can reach. */
#include "conformance/source_suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_SKIPPED = 77 }; /* what meson test shows as a skip */

int main(int argc, char **argv)
{
    static const suite_driver *const drivers[] = {
        &suite_fake,
#ifdef SUITE_SQLITE
        &suite_sqlite,
#endif
#ifdef SUITE_POSTGRES
        &suite_postgres,
#endif
#ifdef SUITE_MYSQL
        &suite_mysql,
#endif
        NULL,
    };
    const char *wanted = argc > 1 ? argv[1] : NULL;
    int failed = 0, run = 0;
    for (size_t i = 0; drivers[i] != NULL; i++) {
        if (wanted != NULL && strcmp(drivers[i]->kind, wanted) != 0)
            continue;
        const char *why_not = drivers[i]->why_not != NULL ? drivers[i]->why_not() : NULL;
        if (why_not != NULL) {
            printf("SKIPPED: sources of type %s: %s\n", drivers[i]->kind, why_not);
            continue;
        }
        run++;
        failed += suite_run(drivers[i]);
    }
    if (failed > 0)
        return EXIT_FAILURE;
    return run > 0 ? EXIT_SUCCESS : EXIT_SKIPPED;
}
