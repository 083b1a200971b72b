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
    RV_TRY(rvi_load_config(request->cli, request->args, config, err));
    RV_TRY(rvi_open_state(*config, state, err));
    *list = (rvi_listing){.array = rvi_option_given(request->args, "json") ? json_array() : NULL};
    return RV_OK;
}

void rvi_listing_close(rvi_listing *list, rv_code rc, const char *nothing)
{
    if (rc == RV_OK && list->array != NULL) {
        char *text = json_dumps(list->array, JSON_INDENT(2));
        printf("%s\n", text != NULL ? text : "[]");
        free(text);
    } else if (rc == RV_OK && list->n == 0) {
        printf("%s\n", nothing);
    }
    json_decref(list->array);
    list->array = NULL;
}
