/* cli/listing.h - what the commands that list state share: lines of a table, or one JSON array. */
#ifndef CLI_LISTING_H
#define CLI_LISTING_H

#include "cli.h"

#include <jansson.h>

typedef struct rvi_listing {
    json_t *array; /* NULL: text */
    int64_t n;     /* rows seen */
} rvi_listing;

typedef enum rvi_listing_needs {
    RVI_NEEDS_STATE = 0, /* what the configuration holds does not matter */
    RVI_NEEDS_CONFIG,    /* whole and valid */
} rvi_listing_needs;

typedef struct rvi_listing_request {
    rvi_cli *cli;
    const rvi_args *args;
    rvi_listing_needs needs;
} rvi_listing_request;

/* Finds or loads the configuration and opens its state for reading; both are the caller's to free, also on failure. */
rv_code rvi_listing_open(const rvi_listing_request *request, rvi_listing *list, rv_state **state,
                         rv_config **config, rv_error *err) RV_MUST_CHECK;
rv_code rvi_listing_add(rvi_listing *list, json_t *row,
                        rv_error *err) RV_MUST_CHECK; /* takes `row`; NULL fails */
/* Prints what was collected, or `nothing` when there was no row. rc: how the listing went; when it failed nothing is
 * printed and rc is returned. */
rv_code rvi_listing_close(rvi_listing *list, rv_code rc, const char *nothing, rv_error *err) RV_MUST_CHECK;

#endif
