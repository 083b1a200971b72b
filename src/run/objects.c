/* objects.c - what lies at a destination under the name of a run: its parts, and spool files that nobody finished.
 *
 * Names say whose an object is. Everything here that removes goes by them, so they are matched to the last
 * character: exports may have names that begin alike. */
#include "internal.h"

#include <stdlib.h>
#include <string.h>

/* <run_id>.<ext>, <run_id>_chunk<i>…, <run_id>_part<n>… */
static bool is_part_of(const char *name, const char *run_id, size_t len)
{
    static const char *const endings[] = {".", "_chunk", "_part"};
    if (strncmp(name, run_id, len) != 0)
        return false;
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
        if (strncmp(name + len, endings[i], strlen(endings[i])) == 0)
            return true;
    return false;
}

bool rvi_object_belongs(const char *name, const char *run_id)
{
    const size_t prefix = strlen(RV_SPOOL_PREFIX), len = strlen(run_id);
    if (strncmp(name, RV_SPOOL_PREFIX, prefix) != 0)
        return is_part_of(name, run_id, len);
    /* .rivet-<run_id>-<random> */
    const char *id = name + prefix;
    return strncmp(id, run_id, len) == 0 && id[len] == '-' && strpbrk(id + len + 1, "-_.") == NULL;
}

rv_code rvi_name_list_add(rvi_name_list *list, const char *name, rv_error *err)
{
    if (list->n == list->cap) {
        size_t cap = list->cap == 0 ? 16 : 2 * list->cap;
        const char **grown = rv_arena_alloc(list->arena, cap, sizeof *grown);
        if (grown == NULL)
            return rv_fail(err, RV_E_OUT_OF_MEMORY, "listing the objects of a run");
        if (list->n > 0)
            memcpy(grown, list->names, list->n * sizeof *grown);
        list->names = grown;
        list->cap = cap;
    }
    list->names[list->n] = rv_arena_strdup(list->arena, name);
    if (list->names[list->n] == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "listing the objects of a run");
    list->n++;
    return RV_OK;
}

/* Visits the run's objects; `fn` sees strangers too and asks rvi_object_belongs(). */
static rv_code list_objects(const rvi_place *place, rv_dest_fn fn, void *context, rv_error *err)
{
    const char *spool_prefix = rv_arena_printf(place->arena, "%s%s-", RV_SPOOL_PREFIX, place->run_id);
    if (spool_prefix == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "listing the objects of a run");
    RV_TRY(rv_dest_list(place->dest, place->run_id, fn, context, err));
    return rv_dest_list(place->dest, spool_prefix, fn, context, err);
}

/* Parts by name, and which of them were met. */
typedef struct survey {
    const char *run_id;
    rv_part *parts; /* sorted */
    bool *met;
    size_t n;
    rvi_name_list *strays;
} survey;

static int by_name(const void *a, const void *b)
{
    return strcmp(((const rv_part *)a)->name, ((const rv_part *)b)->name);
}

static rv_code judge_object(void *context, const rv_dest_entry *entry, rv_error *err)
{
    survey *s = context;
    const rv_part wanted = {.name = entry->name};
    if (!rvi_object_belongs(entry->name, s->run_id))
        return RV_OK;
    const rv_part *found = s->n > 0 ? bsearch(&wanted, s->parts, s->n, sizeof wanted, by_name) : NULL;
    if (found == NULL)
        return rvi_name_list_add(s->strays, entry->name, err);
    s->met[found - s->parts] |= found->bytes == entry->bytes;
    return RV_OK;
}

rv_code rvi_survey_objects(const rvi_place *place, const rvi_part_list *parts, rvi_name_list *strays,
                           rvi_index_list *damaged, rv_error *err)
{
    survey s = {.run_id = place->run_id, .n = (size_t)parts->n, .strays = strays};
    s.parts = rv_arena_alloc(place->arena, s.n, sizeof *s.parts);
    s.met = rv_arena_alloc(place->arena, s.n, sizeof *s.met);
    int64_t *chunks = rv_arena_alloc(place->arena, s.n, sizeof *chunks);
    if (s.parts == NULL || s.met == NULL || chunks == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "comparing the parts of a run");
    if (s.n > 0)
        memcpy(s.parts, parts->parts, s.n * sizeof *s.parts); /* as large as the arena just gave */
    if (s.n > 1)
        qsort(s.parts, s.n, sizeof *s.parts, by_name);
    RV_TRY(list_objects(place, judge_object, &s, err));
    *damaged = (rvi_index_list){.items = chunks};
    for (size_t i = 0; i < s.n; i++)
        if (!s.met[i])
            chunks[damaged->n++] = s.parts[i].chunk_index;
    return RV_OK;
}

rv_code rvi_remove_objects(rv_dest *dest, const rvi_name_list *names, rv_error *err)
{
    for (size_t i = 0; i < names->n; i++)
        RV_TRY(rv_dest_remove(dest, names->names[i], err));
    return RV_OK;
}

rv_code rvi_remove_run_objects(const rvi_place *place, rv_error *err)
{
    const rvi_part_list no_parts = {.n = 0};
    rvi_name_list all = {.arena = place->arena};
    rvi_index_list damaged;
    if (!rv_dest_has(place->dest, RV_DEST_CAP_OBJECTS))
        return RV_OK;
    RV_TRY(rvi_survey_objects(place, &no_parts, &all, &damaged, err));
    return rvi_remove_objects(place->dest, &all, err);
}
