/* dict.c - numbering values as fast as they can be read.
 *
 * A slot is 32 bits: 13 bits of the hash and the entry's number plus one in 19; 0 is empty. Four bytes a slot keep
 * the table of a full dictionary inside the L2 cache, and the hash bits spare most looks at an entry that is not
 * the one wanted.
 *
 * The loops below never allocate. They stop where a table has to grow or a limit is met; rvi_pq_dict_add() then
 * makes room, or says that the dictionary is full, and goes on. Growth happens at fixed counts, so the memory in
 * use depends on the values alone. */
#include "dict.h"

#include <assert.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum {
    NUMBER_BITS = 19,
    NUMBER_MASK = (1 << NUMBER_BITS) - 1,
    SLOTS_AT_FIRST = 256,
    ENTRIES_AT_FIRST = 1024, /* bytes */
    SHORT_TEXT = 16,         /* bytes; hashed and compared without a loop */
};
_Static_assert(RVI_PQ_DICT_MAX_BYTES / 4 < NUMBER_MASK, "every entry has a number");

/* Why a loop stopped before the end of its run. */
typedef enum stop { STOP_END = 0, STOP_ROOM, STOP_FULL } stop;

/* MurmurHash3's 64-bit finaliser: arithmetic progressions, the usual keys, do not cluster under it. */
static inline uint32_t hash_integer(uint64_t value)
{
    value ^= value >> 33;
    value *= 0xff51afd7ed558ccdu;
    value ^= value >> 33;
    value *= 0xc4ceb9fe1a85ec53u;
    return (uint32_t)(value >> 32);
}

static inline uint32_t hash_bytes(const uint8_t *bytes, size_t len)
{
    return (uint32_t)(XXH3_64bits(bytes, len) >> 32);
}

static inline uint64_t load_64(const uint8_t *from)
{
    uint64_t word;
    memcpy(&word, from, sizeof word);
    return word;
}

static inline uint32_t slot_of(uint32_t hash, uint32_t number)
{
    return (hash & ~(uint32_t)NUMBER_MASK) | (number + 1);
}

static inline bool same_tag(uint32_t slot, uint32_t hash)
{
    return ((slot ^ hash) >> NUMBER_BITS) == 0;
}

/* How many entries the table may hold before it grows. The emptier, the more lookups hit at once; what that costs is
 * measured against the dictionary itself, so that a thousand small ones stay small. */
static uint32_t most_entries(const rvi_pq_dict *dict)
{
    size_t table_bytes = dict->n_slots * sizeof(uint32_t);
    return table_bytes <= dict->max_bytes / 8   ? dict->n_slots / 8
           : table_bytes <= dict->max_bytes / 2 ? dict->n_slots / 4
                                                : dict->n_slots / 2;
}

rv_code rvi_pq_dict_init(rvi_pq_dict *dict, const rvi_pq_leaf *leaf, size_t max_bytes, rvi_pq_memory *memory,
                         rv_error *err)
{
    assert(max_bytes <= RVI_PQ_DICT_MAX_BYTES);
    *dict = (rvi_pq_dict){.leaf = leaf,
                          .max_bytes = max_bytes,
                          .entries = {.memory = memory},
                          .starts = {.memory = memory},
                          .seen = {.memory = memory},
                          .round = 1};
    void *slots = NULL;
    RV_TRY(rvi_pq_resize(memory, &slots, 0, SLOTS_AT_FIRST * sizeof(uint32_t), err));
    memset(slots, 0, SLOTS_AT_FIRST * sizeof(uint32_t));
    dict->slots = slots;
    dict->n_slots = SLOTS_AT_FIRST;
    return RV_OK;
}

void rvi_pq_dict_freeze(rvi_pq_dict *dict)
{
    rvi_pq_release(dict->entries.memory, dict->slots, dict->n_slots * sizeof(uint32_t));
    dict->slots = NULL;
    dict->n_slots = 0;
    rvi_pq_buf_free(&dict->starts);
    rvi_pq_buf_free(&dict->seen);
}

void rvi_pq_dict_deinit(rvi_pq_dict *dict)
{
    if (dict->entries.memory == NULL)
        return;
    rvi_pq_dict_freeze(dict);
    rvi_pq_buf_free(&dict->entries);
}

void rvi_pq_dict_clear(rvi_pq_dict *dict)
{
    if (dict->slots != NULL)
        memset(dict->slots, 0, dict->n_slots * sizeof(uint32_t));
    dict->n = 0;
    dict->entries.len = dict->starts.len = dict->seen.len = 0;
    dict->round = 1;
}

static inline const uint8_t *entry_bytes(const rvi_pq_dict *dict, uint32_t number, size_t *len)
{
    uint32_t start;
    memcpy(&start, dict->starts.data + (size_t)number * sizeof start, sizeof start);
    *len = rvi_pq_load_u32(dict->entries.data + start);
    return dict->entries.data + start + 4;
}

static uint32_t entry_hash(const rvi_pq_dict *dict, uint32_t number)
{
    const rvi_pq_leaf *leaf = dict->leaf;
    const uint8_t *entry = dict->entries.data + (size_t)number * leaf->width;
    uint64_t value = 0;
    size_t len = leaf->width;
    if (leaf->width == 4 || leaf->width == 8) {
        memcpy(&value, entry, leaf->width);
        return hash_integer(value);
    }
    if (leaf->width == 0)
        entry = entry_bytes(dict, number, &len);
    return hash_bytes(entry, len);
}

/* Twice the slots. Entries are put back in the order of their numbers, which is the order they came in. */
static rv_code grow_slots(rvi_pq_dict *dict, rv_error *err)
{
    uint32_t n_slots = dict->n_slots * 2;
    void *slots = NULL;
    RV_TRY(rvi_pq_resize(dict->entries.memory, &slots, 0, n_slots * sizeof(uint32_t), err));
    memset(slots, 0, n_slots * sizeof(uint32_t));
    rvi_pq_release(dict->entries.memory, dict->slots, dict->n_slots * sizeof(uint32_t));
    dict->slots = slots;
    dict->n_slots = n_slots;
    for (uint32_t number = 0; number < dict->n; number++) {
        uint32_t hash = entry_hash(dict, number);
        uint32_t at = hash & (n_slots - 1);
        while (dict->slots[at] != 0)
            at = (at + 1) & (n_slots - 1);
        dict->slots[at] = slot_of(hash, number);
    }
    return RV_OK;
}

/* Room for one more entry of `bytes` PLAIN bytes, which does not pass max_bytes. */
static rv_code make_room(rvi_pq_dict *dict, size_t bytes, rv_error *err)
{
    if (dict->n >= most_entries(dict))
        RV_TRY(grow_slots(dict, err));
    if (dict->leaf->width == 0) {
        size_t more = dict->n == 0 ? sizeof(uint32_t) * 64 : dict->n * sizeof(uint32_t);
        if (dict->starts.len == dict->starts.cap)
            RV_TRY(rvi_pq_buf_reserve(&dict->starts, more, err));
        if (dict->seen.len == dict->seen.cap)
            RV_TRY(rvi_pq_buf_reserve(&dict->seen, more, err));
    }
    if (dict->entries.cap - dict->entries.len >= bytes)
        return RV_OK;
    size_t left = dict->max_bytes - dict->entries.len;
    size_t more = dict->entries.len < ENTRIES_AT_FIRST ? ENTRIES_AT_FIRST : dict->entries.len;
    more = more < bytes ? bytes : more;
    return rvi_pq_buf_reserve(&dict->entries, more > left ? left : more, err);
}

/* Whether an entry of `bytes` PLAIN bytes can be added as things are. */
static inline stop may_add(const rvi_pq_dict *dict, size_t bytes, uint32_t n_most)
{
    if (dict->entries.len + bytes > dict->max_bytes)
        return STOP_FULL;
    if (dict->n >= n_most || dict->entries.cap - dict->entries.len < bytes)
        return STOP_ROOM;
    return STOP_END;
}

enum { AHEAD = 12 }; /* lookups that are on their way to the cache while one is made */
static const uint32_t NOT_FOUND = UINT32_MAX;

/* What a lookup found: an entry, or the empty slot where one would go, or a chain too long to be walked. */
typedef struct found {
    uint32_t number; /* NOT_FOUND: none */
    uint32_t slot_at;
    bool too_long;
} found;

static inline bool same_integer(const rvi_pq_dict *dict, uint32_t number, uint64_t value, size_t width)
{
    uint64_t entry = 0;
    memcpy(&entry, dict->entries.data + (size_t)number * width, width);
    return entry == value;
}

static inline uint32_t number_of(uint32_t slot)
{
    return (slot & NUMBER_MASK) - 1;
}

static inline found find_integer(const rvi_pq_dict *dict, uint64_t value, size_t width, uint32_t hash)
{
    const uint32_t mask = dict->n_slots - 1;
    uint32_t at = hash & mask;
    for (int probes = 0; probes < RVI_PQ_DICT_PROBES; probes++, at = (at + 1) & mask) {
        uint32_t slot = dict->slots[at];
        if (slot == 0)
            return (found){.number = NOT_FOUND, .slot_at = at};
        if (same_tag(slot, hash) && same_integer(dict, number_of(slot), value, width))
            return (found){.number = number_of(slot)};
    }
    return (found){.number = NOT_FOUND, .too_long = true};
}

static inline void prefetch_slot(const rvi_pq_dict *dict, uint32_t hash)
{
    __builtin_prefetch(&dict->slots[hash & (dict->n_slots - 1)]);
}

/* One loop for both integer widths: `width` is a constant wherever this is called, so each call is its own loop. */
static inline __attribute__((always_inline)) stop add_integers(rvi_pq_dict *dict, const rvi_pq_values *values,
                                                               size_t width, const uint32_t *hashes,
                                                               int32_t *at, uint32_t *out)
{
    const uint32_t n_most = most_entries(dict);
    uint64_t last = 0;
    uint32_t last_number = NOT_FOUND;
    for (; *at < values->n; ++*at) {
        uint64_t value = 0;
        memcpy(&value, values->fixed + (size_t)*at * width, width);
        prefetch_slot(dict, hashes[*at + AHEAD]);
        if (value != last || last_number == NOT_FOUND) {
            found f = find_integer(dict, value, width, hashes[*at]);
            if (f.number == NOT_FOUND) {
                stop why = f.too_long ? STOP_FULL : may_add(dict, width, n_most);
                if (why != STOP_END)
                    return why;
                f.number = dict->n++;
                dict->slots[f.slot_at] = slot_of(hashes[*at], f.number);
                memcpy(dict->entries.data + dict->entries.len, &value, width);
                dict->entries.len += width;
            }
            last = value;
            last_number = f.number;
        }
        out[*at] = last_number;
    }
    return STOP_END;
}

static void hash_integers(const rvi_pq_values *values, size_t width, uint32_t *out)
{
    for (int32_t i = 0; i < values->n; i++) {
        uint64_t value = 0;
        memcpy(&value, values->fixed + (size_t)i * width, width);
        out[i] = hash_integer(value);
    }
}

/* memcmp() of short texts is mostly call; two loads that may overlap compare up to SHORT_TEXT bytes. */
static inline bool equal_bytes(const uint8_t *a, const uint8_t *b, size_t len)
{
    if (len > SHORT_TEXT)
        return memcmp(a, b, len) == 0;
    if (len >= 8)
        return load_64(a) == load_64(b) && load_64(a + len - 8) == load_64(b + len - 8);
    if (len >= 4)
        return rvi_pq_load_u32(a) == rvi_pq_load_u32(b) &&
               rvi_pq_load_u32(a + len - 4) == rvi_pq_load_u32(b + len - 4);
    for (size_t i = 0; i < len; i++)
        if (a[i] != b[i])
            return false;
    return true;
}

static inline bool same_bytes(const rvi_pq_dict *dict, uint32_t number, const uint8_t *bytes, size_t len)
{
    size_t entry_len = dict->leaf->width;
    const uint8_t *entry = dict->entries.data + (size_t)number * entry_len;
    if (entry_len == 0)
        entry = entry_bytes(dict, number, &entry_len);
    return entry_len == len && equal_bytes(entry, bytes, len);
}

static inline found find_bytes(const rvi_pq_dict *dict, const uint8_t *bytes, size_t len, uint32_t hash)
{
    const uint32_t mask = dict->n_slots - 1;
    uint32_t at = hash & mask;
    for (int probes = 0; probes < RVI_PQ_DICT_PROBES; probes++, at = (at + 1) & mask) {
        uint32_t slot = dict->slots[at];
        if (slot == 0)
            return (found){.number = NOT_FOUND, .slot_at = at};
        if (same_tag(slot, hash) && same_bytes(dict, number_of(slot), bytes, len))
            return (found){.number = number_of(slot)};
    }
    return (found){.number = NOT_FOUND, .too_long = true};
}

static void put_entry(rvi_pq_dict *dict, const uint8_t *bytes, size_t len)
{
    uint8_t *to = dict->entries.data + dict->entries.len;
    if (dict->leaf->width == 0) {
        uint32_t start = (uint32_t)dict->entries.len, unseen = 0;
        memcpy(dict->starts.data + dict->starts.len, &start, sizeof start);
        memcpy(dict->seen.data + dict->seen.len, &unseen, sizeof unseen);
        dict->starts.len += sizeof start;
        dict->seen.len += sizeof unseen;
        rvi_pq_store_u32(to, (uint32_t)len);
        to += 4;
        dict->entries.len += 4;
    }
    rvi_pq_copy(to, bytes, len);
    dict->entries.len += len;
    dict->n++;
}

static inline const uint8_t *value_bytes(const rvi_pq_dict *dict, const rvi_pq_values *values, int32_t i,
                                         size_t *len)
{
    *len = dict->leaf->width;
    if (*len != 0)
        return values->fixed + (size_t)i * *len;
    *len = (size_t)(values->end[i] - values->begin[i]);
    return values->data + values->begin[i];
}

static stop may_add_bytes(const rvi_pq_dict *dict, size_t len)
{
    if (len > RVI_PQ_DICT_MAX_VALUE)
        return STOP_FULL;
    if (dict->leaf->width != 0)
        return may_add(dict, len, most_entries(dict));
    if (dict->starts.len == dict->starts.cap && dict->entries.len + len + 4 <= dict->max_bytes)
        return STOP_ROOM;
    return may_add(dict, len + 4, most_entries(dict));
}

static stop add_bytes(rvi_pq_dict *dict, const rvi_pq_values *values, const uint32_t *hashes, int32_t *at,
                      uint32_t *out)
{
    uint32_t last_hash = 0, last_number = NOT_FOUND;
    for (; *at < values->n; ++*at) {
        size_t len;
        const uint8_t *bytes = value_bytes(dict, values, *at, &len);
        uint32_t hash = hashes[*at];
        prefetch_slot(dict, hashes[*at + AHEAD]);
        if (hash != last_hash || last_number == NOT_FOUND || !same_bytes(dict, last_number, bytes, len)) {
            found f = find_bytes(dict, bytes, len, hash);
            if (f.number == NOT_FOUND) {
                stop why = f.too_long ? STOP_FULL : may_add_bytes(dict, len);
                if (why != STOP_END)
                    return why;
                f.number = dict->n;
                put_entry(dict, bytes, len);
                dict->slots[f.slot_at] = slot_of(hash, f.number);
            }
            last_hash = hash;
            last_number = f.number;
        }
        out[*at] = last_number;
    }
    return STOP_END;
}

/* Sorted and clustered columns repeat a value many times over; where comparing is cheaper than hashing, the hash is
 * repeated too. */
static void hash_all_bytes(const rvi_pq_dict *dict, const rvi_pq_values *values, uint32_t *out)
{
    const uint8_t *last = NULL;
    size_t last_len = 0;
    for (int32_t i = 0; i < values->n; i++) {
        size_t len;
        const uint8_t *bytes = value_bytes(dict, values, i, &len);
        bool repeats = len > SHORT_TEXT && len == last_len && memcmp(bytes, last, len) == 0;
        out[i] = repeats ? out[i - 1] : hash_bytes(bytes, len);
        last = bytes;
        last_len = len;
    }
}

static void hash_values(const rvi_pq_dict *dict, const rvi_pq_values *values, uint32_t *out)
{
    if (dict->leaf->width == 8)
        hash_integers(values, 8, out);
    else if (dict->leaf->width == 4)
        hash_integers(values, 4, out);
    else
        hash_all_bytes(dict, values, out);
    memset(out + values->n, 0, AHEAD * sizeof *out);
}

static stop add_values(rvi_pq_dict *dict, const rvi_pq_values *values, const uint32_t *hashes, int32_t *at,
                       uint32_t *out)
{
    if (dict->leaf->width == 8)
        return add_integers(dict, values, 8, hashes, at, out);
    if (dict->leaf->width == 4)
        return add_integers(dict, values, 4, hashes, at, out);
    return add_bytes(dict, values, hashes, at, out);
}

rv_code rvi_pq_dict_add(rvi_pq_dict *dict, const rvi_pq_values *values, uint32_t *out, int32_t *n_done,
                        rv_error *err)
{
    assert(dict->slots != NULL && values->n <= RVI_PQ_RUN);
    uint32_t hashes[RVI_PQ_RUN + AHEAD];
    int32_t at = 0;
    hash_values(dict, values, hashes);
    while (add_values(dict, values, hashes, &at, out) == STOP_ROOM) {
        size_t len;
        (void)value_bytes(dict, values, at, &len);
        RV_TRY(make_room(dict, dict->leaf->width == 0 ? len + 4 : len, err));
    }
    *n_done = at;
    return RV_OK;
}

void rvi_pq_dict_touch(rvi_pq_dict *dict, const uint32_t *indices, int32_t n, rvi_pq_stats *stats)
{
    for (int32_t i = 0; i < n; i++) {
        uint8_t *mark = dict->seen.data + (size_t)indices[i] * sizeof(uint32_t);
        uint32_t seen;
        memcpy(&seen, mark, sizeof seen);
        if (seen == dict->round)
            continue;
        memcpy(mark, &dict->round, sizeof dict->round);
        size_t len;
        const uint8_t *bytes = entry_bytes(dict, indices[i], &len);
        rvi_pq_stats_update_bytes(stats, bytes, len);
    }
}

void rvi_pq_dict_next_round(rvi_pq_dict *dict)
{
    dict->round++;
}

uint64_t rvi_pq_dict_plain_bytes(const rvi_pq_dict *dict, const uint32_t *indices, size_t n)
{
    if (dict->leaf->width != 0)
        return (uint64_t)n * dict->leaf->width;
    uint64_t bytes = 0;
    for (size_t i = 0; i < n; i++) {
        size_t len;
        (void)entry_bytes(dict, indices[i], &len);
        bytes += 4 + len;
    }
    return bytes;
}

rv_code rvi_pq_dict_expand(const rvi_pq_dict *dict, const uint32_t *indices, size_t n, rvi_pq_buf *out,
                           rv_error *err)
{
    RV_TRY(rvi_pq_buf_reserve(out, rvi_pq_dict_plain_bytes(dict, indices, n), err));
    size_t width = dict->leaf->width;
    uint8_t *to = out->data + out->len;
    for (size_t i = 0; i < n; i++) {
        size_t len = width;
        const uint8_t *from = dict->entries.data + (size_t)indices[i] * width;
        if (width == 0)
            from = entry_bytes(dict, indices[i], &len) - 4;
        len += width == 0 ? 4 : 0;
        rvi_pq_copy(to, from, len);
        to += len;
    }
    out->len = (size_t)(to - out->data);
    return RV_OK;
}
