#include "listing.h"

#include <stdio.h>
#include <stdlib.h>

rv_code rvi_listing_add(rvi_listing *list, json_t *row, rv_error *err)
{
    if (row == NULL || json_array_append_new(list->array, row) != 0)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "rendering the listing as JSON");
    return RV_OK;
}

rv_code rvi_listing_open(const rvi_listing_request *request, rvi_listing *list, rv_state **state,
                         rv_config **config, rv_error *err)
{
    RV_TRY(request->needs == RVI_NEEDS_CONFIG ? rvi_load_config(request->cli, request->args, config, err)
                                              : rvi_locate_config(request->args, config, err));
    RV_TRY(rvi_open_state(*config, RV_STATE_READ, state, err));
    bool as_json = rvi_option_given(request->args, "json");
    *list = (rvi_listing){.array = as_json ? json_array() : NULL};
    return as_json && list->array == NULL ? rv_fail(err, RV_E_OUT_OF_MEMORY, "rendering the listing as JSON")
                                          : RV_OK;
}

rv_code rvi_listing_close(rvi_listing *list, rv_code rc, const char *nothing, rv_error *err)
{
    if (rc == RV_OK && list->array != NULL) {
        char *text = json_dumps(list->array, JSON_INDENT(2));
        if (text != NULL)
            printf("%s\n", text);
        else
            rc = rv_fail(err, RV_E_OUT_OF_MEMORY, "rendering the listing as JSON");
        free(text);
    } else if (rc == RV_OK && list->n == 0) {
        printf("%s\n", nothing);
    }
    json_decref(list->array);
    list->array = NULL;
    return rc;
}
