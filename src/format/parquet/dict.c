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
    SPARSE_SLOTS = 1 << 15,
    ENTRIES_AT_FIRST = 1024, /* bytes */
};
_Static_assert(RVI_PQ_DICT_MAX_BYTES / 4 < NUMBER_MASK, "every entry has a number");

/* Why a loop stopped before the end of its run. */
typedef enum stop { STOP_END = 0, STOP_ROOM, STOP_FULL } stop;

/* MurmurHash3's 64-bit finaliser: arithmetic progressions, the usual keys, do not cluster under it. */
static inline uint64_t mix(uint64_t value)
{
    value ^= value >> 33;
    value *= 0xff51afd7ed558ccdu;
    value ^= value >> 33;
    value *= 0xc4ceb9fe1a85ec53u;
    return value ^ value >> 33;
}

static inline uint64_t load_64(const uint8_t *from)
{
    uint64_t word;
    memcpy(&word, from, sizeof word);
    return word;
}

static inline uint32_t slot_of(uint64_t hash, uint32_t number)
{
    return ((uint32_t)(hash >> 32) & ~(uint32_t)NUMBER_MASK) | (number + 1);
}

static inline bool same_tag(uint32_t slot, uint64_t hash)
{
    return ((slot ^ (uint32_t)(hash >> 32)) >> NUMBER_BITS) == 0;
}

/* Small tables stay three quarters empty, which makes most lookups hit at once; large ones half, for memory. */
static uint32_t most_entries(const rvi_pq_dict *dict)
{
    return dict->n_slots < SPARSE_SLOTS ? dict->n_slots / 4 : dict->n_slots / 2;
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

static uint64_t entry_hash(const rvi_pq_dict *dict, uint32_t number)
{
    const rvi_pq_leaf *leaf = dict->leaf;
    const uint8_t *entry = dict->entries.data + (size_t)number * leaf->width;
    uint64_t value = 0;
    size_t len = leaf->width;
    if (leaf->width == 4 || leaf->width == 8) {
        memcpy(&value, entry, leaf->width);
        return mix(value);
    }
    if (leaf->width == 0)
        entry = entry_bytes(dict, number, &len);
    return XXH3_64bits(entry, len);
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
        uint64_t hash = entry_hash(dict, number);
        uint32_t at = (uint32_t)hash & (n_slots - 1);
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

/* One loop for both integer widths: `width` is a constant wherever this is called, so each call is its own loop. */
static inline __attribute__((always_inline)) stop
add_integers(rvi_pq_dict *dict, const uint8_t *values, size_t width, int32_t n, int32_t *at, uint32_t *out)
{
    const uint32_t mask = dict->n_slots - 1, n_most = most_entries(dict);
    uint64_t last = 0;
    uint32_t last_number = UINT32_MAX;
    for (int32_t i = *at; i < n; i++) {
        uint64_t value = 0;
        memcpy(&value, values + (size_t)i * width, width);
        if (value == last && last_number != UINT32_MAX) {
            out[i] = last_number;
            continue;
        }
        uint64_t hash = mix(value);
        uint32_t slot_at = (uint32_t)hash & mask, number = UINT32_MAX;
        for (int probes = 0; dict->slots[slot_at] != 0; slot_at = (slot_at + 1) & mask) {
            uint32_t slot = dict->slots[slot_at];
            uint64_t entry = 0;
            if (same_tag(slot, hash)) {
                memcpy(&entry, dict->entries.data + (size_t)((slot & NUMBER_MASK) - 1) * width, width);
                if (entry == value) {
                    number = (slot & NUMBER_MASK) - 1;
                    break;
                }
            }
            if (++probes > RVI_PQ_DICT_PROBES) {
                *at = i;
                return STOP_FULL;
            }
        }
        if (number == UINT32_MAX) {
            stop why = may_add(dict, width, n_most);
            if (why != STOP_END) {
                *at = i;
                return why;
            }
            number = dict->n++;
            dict->slots[slot_at] = slot_of(hash, number);
            memcpy(dict->entries.data + dict->entries.len, &value, width);
            dict->entries.len += width;
        }
        out[i] = last_number = number;
        last = value;
    }
    *at = n;
    return STOP_END;
}

/* memcmp() of short texts is mostly call; two loads that may overlap compare up to 16 bytes. */
static inline bool equal_bytes(const uint8_t *a, const uint8_t *b, size_t len)
{
    if (len > 16)
        return memcmp(a, b, len) == 0;
    if (len >= 8)
        return load_64(a) == load_64(b) && load_64(a + len - 8) == load_64(b + len - 8);
    if (len >= 4)
        return rvi_pq_load_u32(a) == rvi_pq_load_u32(b) && rvi_pq_load_u32(a + len - 4) == rvi_pq_load_u32(b + len - 4);
    for (size_t i = 0; i < len; i++)
        if (a[i] != b[i])
            return false;
    return true;
}

/* Number of the entry that equals the bytes, or UINT32_MAX and the empty slot in *slot_at where it would go.
 * *probes_over: the chain was too long to be walked. */
static inline uint32_t find_bytes(const rvi_pq_dict *dict, const uint8_t *bytes, size_t len, uint64_t hash,
                                  uint32_t *slot_at, bool *probes_over)
{
    const uint32_t mask = dict->n_slots - 1;
    uint32_t at = (uint32_t)hash & mask;
    for (int probes = 0; dict->slots[at] != 0; at = (at + 1) & mask) {
        uint32_t slot = dict->slots[at], number = (slot & NUMBER_MASK) - 1;
        if (same_tag(slot, hash)) {
            size_t entry_len = dict->leaf->width;
            const uint8_t *entry = dict->entries.data + (size_t)number * entry_len;
            if (entry_len == 0)
                entry = entry_bytes(dict, number, &entry_len);
            if (entry_len == len && equal_bytes(entry, bytes, len))
                return number;
        }
        if (++probes > RVI_PQ_DICT_PROBES) {
            *probes_over = true;
            return UINT32_MAX;
        }
    }
    *slot_at = at;
    return UINT32_MAX;
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
    if (len > 0)
        memcpy(to, bytes, len);
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

static stop add_bytes(rvi_pq_dict *dict, const rvi_pq_values *values, int32_t *at, uint32_t *out)
{
    const uint8_t *last = NULL;
    size_t last_len = 0;
    for (int32_t i = *at; i < values->n; i++) {
        size_t len;
        const uint8_t *bytes = value_bytes(dict, values, i, &len);
        if (last != NULL && len == last_len && equal_bytes(bytes, last, len)) {
            out[i] = out[i - 1];
            continue;
        }
        uint64_t hash = XXH3_64bits(bytes, len);
        uint32_t slot_at = 0;
        bool probes_over = false;
        uint32_t number = find_bytes(dict, bytes, len, hash, &slot_at, &probes_over);
        if (number == UINT32_MAX) {
            stop why = probes_over ? STOP_FULL : may_add_bytes(dict, len);
            if (why != STOP_END) {
                *at = i;
                return why;
            }
            number = dict->n;
            put_entry(dict, bytes, len);
            dict->slots[slot_at] = slot_of(hash, number);
        }
        out[i] = number;
        last = bytes;
        last_len = len;
    }
    *at = values->n;
    return STOP_END;
}

rv_code rvi_pq_dict_add(rvi_pq_dict *dict, const rvi_pq_values *values, uint32_t *out, int32_t *n_done,
                        rv_error *err)
{
    assert(dict->slots != NULL);
    int32_t at = 0;
    for (;;) {
        stop why = dict->leaf->width == 8   ? add_integers(dict, values->fixed, 8, values->n, &at, out)
                   : dict->leaf->width == 4 ? add_integers(dict, values->fixed, 4, values->n, &at, out)
                                            : add_bytes(dict, values, &at, out);
        if (why != STOP_ROOM)
            break;
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
