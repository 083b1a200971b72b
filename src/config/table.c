/* table.c - schema.def as arrays, and what is looked up in them. */
#include "config/internal.h"

#include "rivet/checked.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

/* The columns of schema.def, as designated initialisers. */
#define NONE             .min = 0
#define RANGE(low, high) .min = (low), .max = (high)
#define BYTES(low, high) .min = (low), .max = (high)
#define NAMES(id)        .set = RVI_SET_##id
#define INNER(id)        .inner = RVI_S_##id
#define NOW              RVI_NOW
#define LATER            RVI_LATER
#define REQUIRED         RVI_REQUIRED
#define SECRET           RVI_SECRET
#define BY_PROFILE       RVI_BY_PROFILE

static const rvi_key keys[RVI_KEYS] = {
#define RVI_KEY(id_, section_, name_, kind_, limits, unit_, fallback_, flags_, doc_) \
    {.id = RVI_K_##id_,                                                              \
     .section = RVI_S_##section_,                                                    \
     .name = name_,                                                                  \
     .kind = RVI_KIND_##kind_,                                                       \
     limits,                                                                         \
     .unit = unit_,                                                                  \
     .fallback = fallback_,                                                          \
     .flags = flags_,                                                                \
     .doc = doc_},
#include "config/schema.def"
};

static const rvi_name names[] = {
#define RVI_NAME(set_, text_, value_, support) {RVI_SET_##set_, text_, (int)(value_), support},
#include "config/schema.def"
};
enum { N_NAMES = sizeof names / sizeof names[0] };

static const rvi_exclusion exclusions[] = {
#define RVI_EXCLUDES(a, b) {RVI_K_##a, RVI_K_##b},
#include "config/schema.def"
};

static const struct {
    const char *id, *name, *doc;
} sections[RVI_SECTIONS] = {
#define RVI_SECTION(id_, name_, doc_) {#id_, name_, doc_},
#include "config/schema.def"
};

const rvi_key *rvi_key_row(rvi_key_id id)
{
    assert(id < RVI_KEYS && keys[id].id == id);
    return &keys[id];
}

const rvi_key *rvi_key_find(rvi_section section, const char *name)
{
    for (int i = 0; i < RVI_KEYS; i++)
        if (keys[i].section == section && strcmp(keys[i].name, name) == 0)
            return &keys[i];
    return NULL;
}

const rvi_exclusion *rvi_exclusions(size_t *n)
{
    *n = sizeof exclusions / sizeof exclusions[0];
    return exclusions;
}

const char *rvi_section_id(rvi_section section)
{
    assert(section < RVI_SECTIONS);
    return sections[section].id;
}

const char *rvi_section_name(rvi_section section)
{
    assert(section < RVI_SECTIONS);
    return sections[section].name;
}

const char *rvi_section_doc(rvi_section section)
{
    assert(section < RVI_SECTIONS);
    return sections[section].doc;
}

const rvi_name *rvi_name_next(rvi_set set, const rvi_name *previous)
{
    for (const rvi_name *name = previous ? previous + 1 : names; name < names + N_NAMES; name++)
        if (name->set == set)
            return name;
    return NULL;
}

const rvi_name *rvi_name_find(rvi_set set, const char *text)
{
    for (const rvi_name *name = rvi_name_next(set, NULL); name; name = rvi_name_next(set, name))
        if (strcmp(name->text, text) == 0)
            return name;
    return NULL;
}

size_t rvi_section_words(rvi_section section, const char *words[RVI_MAX_WORDS])
{
    size_t n = 0;
    for (int i = 0; i < RVI_KEYS && n < RVI_MAX_WORDS; i++)
        if (keys[i].section == section)
            words[n++] = keys[i].name;
    return n;
}

size_t rvi_set_words(rvi_set set, const char *words[RVI_MAX_WORDS])
{
    size_t n = 0;
    for (const rvi_name *name = rvi_name_next(set, NULL); name && n < RVI_MAX_WORDS;
         name = rvi_name_next(set, name))
        words[n++] = name->text;
    return n;
}

bool rvi_parse_int(const char *text, int64_t *out)
{
    enum { MAX_DIGITS = 18 }; /* 10^18 - 1 fits int64_t */
    const char *digits = text + (text[0] == '-');
    size_t n = strspn(digits, "0123456789");
    if (n == 0 || n > MAX_DIGITS || digits[n] != '\0')
        return false;
    if (digits[0] == '0' && n > 1) /* octal to YAML 1.1, decimal to YAML 1.2: ask the user */
        return false;
    int64_t value = 0;
    for (size_t i = 0; i < n; i++)
        value = value * 10 + (digits[i] - '0');
    *out = text[0] == '-' ? -value : value;
    return true;
}

/* What a unit's text stands for, as a power of two; false: no unit. */
static bool parse_unit(const char *text, int *shift)
{
    static const char *const units[] = {"b", "kb", "mb", "gb"};
    if (*text == '\0') {
        *shift = 0;
        return true;
    }
    for (int i = 0; i < (int)(sizeof units / sizeof units[0]); i++)
        if (strcasecmp(text, units[i]) == 0) {
            *shift = 10 * i;
            return true;
        }
    return false;
}

bool rvi_parse_size(const char *text, int64_t *out)
{
    enum { MAX_DIGITS = 18, MAX_FRACTION = 9 }; /* 10^18 - 1 fits int64_t; 10^9 << 30 does */
    static const char digits[] = "0123456789";
    size_t n_whole = strspn(text, digits), n_fraction = 0;
    const char *rest = text + n_whole, *fraction = rest + 1;
    if (*rest == '.') {
        n_fraction = strspn(fraction, digits);
        rest = fraction + n_fraction;
        if (n_fraction == 0)
            return false;
    }
    rest += strspn(rest, " ");
    int shift = 0;
    if (n_whole == 0 || n_whole > MAX_DIGITS || n_fraction > MAX_FRACTION || !parse_unit(rest, &shift))
        return false;
    int64_t whole = 0, part = 0, scale = 1;
    for (size_t i = 0; i < n_whole; i++)
        whole = whole * 10 + (text[i] - '0');
    for (size_t i = 0; i < n_fraction; i++, scale *= 10)
        part = part * 10 + (fraction[i] - '0');
    if (whole > INT64_MAX >> shift)
        return false;
    return !rv_add_i64(out, whole << shift, (part << shift) / scale);
}

bool rvi_parse_number(const char *text, double *out)
{
    enum { MAX_DIGITS = 15, MAX_FRACTION = 9 }; /* what a double holds without loss */
    static const char digits[] = "0123456789";
    size_t n_whole = strspn(text, digits), n_fraction = 0;
    const char *rest = text + n_whole;
    if (n_whole == 0 || n_whole > MAX_DIGITS)
        return false;
    double value = 0, scale = 1;
    for (size_t i = 0; i < n_whole; i++)
        value = value * 10 + (text[i] - '0');
    if (*rest == '.') {
        n_fraction = strspn(++rest, digits);
        if (n_fraction == 0 || n_fraction > MAX_FRACTION)
            return false;
        double part = 0;
        for (size_t i = 0; i < n_fraction; i++, scale *= 10)
            part = part * 10 + (rest[i] - '0');
        value += part / scale;
    }
    if (rest[n_fraction] != '\0')
        return false;
    *out = value;
    return true;
}

bool rvi_parse_duration(const char *text, int64_t *out_us, int64_t *out_units)
{
    static const struct {
        const char *unit;
        int64_t us;
    } units[] = {{"s", 1000000}, {"m", 60000000}, {"h", 3600000000}, {"d", 86400000000}};
    const int64_t most_us = INT64_C(36500) * 86400000000;
    enum { MAX_DIGITS = 18 };
    size_t n = strspn(text, "0123456789");
    if (n == 0 || n > MAX_DIGITS)
        return false;
    int64_t value = 0;
    for (size_t i = 0; i < n; i++)
        value = value * 10 + (text[i] - '0');
    if (text[n] == '\0') {
        *out_us = value == 0 ? 0 : -1;
        *out_units = value;
        return true;
    }
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strcmp(text + n, units[i].unit) == 0 && value <= most_us / units[i].us) {
            *out_us = value * units[i].us;
            *out_units = value == 0 ? 0 : -1;
            return true;
        }
    return false;
}

bool rvi_parse_bool(const char *text, bool *out)
{
    /* YAML 1.2.2, 10.3.2, core schema. */
    static const char *const spelled[2][3] = {{"false", "False", "FALSE"}, {"true", "True", "TRUE"}};
    for (int value = 0; value < 2; value++)
        for (int i = 0; i < 3; i++)
            if (strcmp(text, spelled[value][i]) == 0) {
                *out = value != 0;
                return true;
            }
    return false;
}

int64_t rvi_default_int(const rvi_key *key, rv_profile profile)
{
    if (!key->fallback)
        return 0;
    /* "fast|balanced|safe"; a default without '|' is the same for all. */
    static const int place[] = {[RV_PROFILE_FAST] = 0, [RV_PROFILE_BALANCED] = 1, [RV_PROFILE_SAFE] = 2};
    const char *start = key->fallback;
    int skip = key->flags & RVI_BY_PROFILE ? place[profile] : 0;
    for (; skip > 0; skip--) {
        start = strchr(start, '|');
        assert(start);
        start++;
    }
    char digits[32];
    size_t n = strcspn(start, "|");
    assert(n < sizeof digits);
    memcpy(digits, start, n);
    digits[n] = '\0';
    int64_t value = 0;
    bool ok = rvi_parse_int(digits, &value);
    assert(ok);
    return ok ? value : 0;
}
