/* middle.c - see middle.h.
 *
 * Strings are read as fractions, a few digits behind what both begin with: bytes have 256 digits, texts those of an
 * alphabet in which most collations agree. A guess that the server puts elsewhere costs a statement and nothing else.
 *
 * MariaDB compares UUIDs of versions 1 to 5 by their groups from the last to the first, so that a node's sort together;
 * others as they are written. Source: MariaDB Knowledge Base, "UUID Data Type"; sql_type_uuid.h. */
#include "middle.h"

#include "rivet/civil.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    DIGITS = 6, /* so many of 256 fit a double */
    MAX_BYTES = 96,
    FRACTION_MAX = 30, /* of a DECIMAL */
    UUID_BYTES = 16,
    UUID_TEXT = 36,
};
#define US_PER_DAY INT64_C(86400000000)
#define SIGN       (UINT64_C(1) << 63)

/* ---- on a line ---- */

static bool read_number(const char *text, bool is_signed, uint64_t *out)
{
    char *end = NULL;
    if (strspn(text, "-0123456789") != strlen(text))
        return false;
    errno = 0;
    uint64_t value = is_signed ? (uint64_t)strtoll(text, &end, 10) ^ SIGN : strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || (!is_signed && text[0] == '-'))
        return false;
    *out = value;
    return true;
}

/* MySQL has days and months of 0, before the first of all. */
static size_t without_zeros(const char *text, char out[RVI_MY_MIDDLE_BYTES])
{
    int n = snprintf(out, RVI_MY_MIDDLE_BYTES, "%s", text);
    if (n >= 10 && n < RVI_MY_MIDDLE_BYTES)
        for (int i = 5; i <= 8; i += 3)
            if (out[i] == '0' && out[i + 1] == '0')
                out[i + 1] = '1';
    return n < RVI_MY_MIDDLE_BYTES ? (size_t)n : 0;
}

static bool read_us(const char *text, uint64_t *out)
{
    char date[RVI_MY_MIDDLE_BYTES];
    size_t len = without_zeros(text, date);
    int64_t us = 0;
    int32_t days = 0;
    bool has_zone = false;
    if (rv_parse_date(date, len, &days))
        us = days * US_PER_DAY;
    else if (!rv_parse_timestamp(date, len, &us, &has_zone))
        return false;
    *out = (uint64_t)us ^ SIGN;
    return true;
}

static bool read_days(const char *text, uint64_t *out)
{
    char date[RVI_MY_MIDDLE_BYTES];
    size_t len = without_zeros(text, date);
    int32_t days = 0;
    if (!rv_parse_date(date, len, &days))
        return false;
    *out = (uint64_t)(int64_t)days ^ SIGN;
    return true;
}

bool rvi_my_scale_read(rvi_my_scale scale, const char *text, uint64_t *out)
{
    switch (scale) {
    case RVI_MY_SCALE_UNSIGNED:
    case RVI_MY_SCALE_SIGNED:
        return read_number(text, scale == RVI_MY_SCALE_SIGNED, out);
    case RVI_MY_SCALE_LABELS:
        return text[0] == RV_KEY_OWN_FORM && read_number(text + 1, false, out);
    case RVI_MY_SCALE_DAYS:
        return read_days(text, out);
    case RVI_MY_SCALE_US:
    case RVI_MY_SCALE_UTC_US:
        return read_us(text, out);
    }
    return false;
}

static bool scale_for(const rvi_my_key_type *type, const char *low, rvi_my_scale *out)
{
    switch (type->form) {
    case RVI_MY_KEY_NUMBER:
        *out = low[0] == '-' ? RVI_MY_SCALE_SIGNED : RVI_MY_SCALE_UNSIGNED;
        return true;
    case RVI_MY_KEY_YEAR:
        *out = RVI_MY_SCALE_UNSIGNED;
        return true;
    case RVI_MY_KEY_LABEL:
        *out = RVI_MY_SCALE_LABELS;
        return true;
    case RVI_MY_KEY_DATE:
        *out = strlen(low) == 10 ? RVI_MY_SCALE_DAYS : RVI_MY_SCALE_US;
        return true;
    case RVI_MY_KEY_INSTANT:
        *out = RVI_MY_SCALE_UTC_US;
        return true;
    case RVI_MY_KEY_DECIMAL:
    case RVI_MY_KEY_FLOAT:
    case RVI_MY_KEY_TIME:
    case RVI_MY_KEY_CHARS:
    case RVI_MY_KEY_BYTES:
    case RVI_MY_KEY_TEXT:
        break;
    }
    return false;
}

bool rvi_my_scale_of(const rvi_my_key_type *type, const char *low, const char *high, rvi_my_scale *out)
{
    uint64_t from = 0, to = 0;
    return scale_for(type, low, out) && rvi_my_scale_read(*out, low, &from) &&
           rvi_my_scale_read(*out, high, &to) && from <= to;
}

/* Both servers take a 'T' between date and time; everything else here has a blank. */
static void timestamp_text(int64_t us, const char *zone, char out[RVI_MY_MIDDLE_BYTES])
{
    char text[RV_CIVIL_TEXT_BYTES];
    rv_timestamp_text(text, us, false);
    text[10] = ' ';
    snprintf(out, RVI_MY_MIDDLE_BYTES, "%s%s", text, zone);
}

void rvi_my_scale_text(rvi_my_scale scale, uint64_t at, char out[RVI_MY_MIDDLE_BYTES])
{
    char date[RV_CIVIL_TEXT_BYTES];
    switch (scale) {
    case RVI_MY_SCALE_UNSIGNED:
        snprintf(out, RVI_MY_MIDDLE_BYTES, "%" PRIu64, at);
        break;
    case RVI_MY_SCALE_SIGNED:
        snprintf(out, RVI_MY_MIDDLE_BYTES, "%" PRId64, (int64_t)(at ^ SIGN));
        break;
    case RVI_MY_SCALE_LABELS:
        snprintf(out, RVI_MY_MIDDLE_BYTES, "%c%" PRIu64, RV_KEY_OWN_FORM, at);
        break;
    case RVI_MY_SCALE_DAYS:
        rv_date_text(date, (int32_t)(int64_t)(at ^ SIGN));
        snprintf(out, RVI_MY_MIDDLE_BYTES, "%s", date);
        break;
    case RVI_MY_SCALE_US:
        timestamp_text((int64_t)(at ^ SIGN), "", out);
        break;
    case RVI_MY_SCALE_UTC_US:
        timestamp_text((int64_t)(at ^ SIGN), "+00", out);
        break;
    }
}

/* ---- numbers with fractions ---- */

static bool guess_number(const rvi_my_key_type *type, const char *low, const char *high, double share,
                         char out[RVI_MY_MIDDLE_BYTES])
{
    const char *point = strchr(low, '.');
    int fraction = point != NULL ? (int)strlen(point + 1) : 0;
    double from = strtod(low, NULL), to = strtod(high, NULL);
    double value = from * (1 - share) + to * share;
    if (!isfinite(value))
        return false;
    int n = type->form == RVI_MY_KEY_FLOAT
                ? snprintf(out, RVI_MY_MIDDLE_BYTES, "%.17g", value)
                : snprintf(out, RVI_MY_MIDDLE_BYTES, "%.*f",
                           fraction < FRACTION_MAX ? fraction : FRACTION_MAX, value);
    return n > 0 && n < RVI_MY_MIDDLE_BYTES;
}

/* ---- strings ---- */

typedef struct alphabet {
    unsigned size;
    unsigned (*rank)(uint8_t byte);
    uint8_t (*byte)(unsigned rank);
} alphabet;

static unsigned rank_of_byte(uint8_t byte)
{
    return byte;
}

static uint8_t byte_of_rank(unsigned rank)
{
    return (uint8_t)rank;
}

/* Blank to tilde, and one rank for everything on either side. */
static unsigned rank_of_code(uint8_t byte)
{
    return byte < ' ' ? 0 : byte > '~' ? '~' - ' ' : byte - (unsigned)' ';
}

static uint8_t code_of_rank(unsigned rank)
{
    return (uint8_t)(' ' + rank);
}

/* Punctuation, 0 to 9, a to z in either case, everything else. */
static unsigned rank_of_letter(uint8_t byte)
{
    if (byte >= '0' && byte <= '9')
        return 1 + byte - (unsigned)'0';
    if (byte >= 'a' && byte <= 'z')
        return 11 + byte - (unsigned)'a';
    if (byte >= 'A' && byte <= 'Z')
        return 11 + byte - (unsigned)'A';
    return byte < 0x80 ? 0 : 36;
}

static uint8_t letter_of_rank(unsigned rank)
{
    return rank == 0 ? ' ' : rank <= 10 ? (uint8_t)('0' + rank - 1) : (uint8_t)('a' + rank - 11);
}

static const alphabet bytes = {256, rank_of_byte, byte_of_rank};
static const alphabet codes = {'~' - ' ' + 1, rank_of_code, code_of_rank};
static const alphabet letters = {37, rank_of_letter, letter_of_rank};

static unsigned rank_at(const alphabet *a, const uint8_t *text, size_t len, size_t i)
{
    return i < len ? a->rank(text[i]) : 0;
}

static double fraction_of(const alphabet *a, const uint8_t *text, size_t len, size_t start)
{
    double value = 0;
    for (size_t i = 0; i < DIGITS; i++)
        value = value * a->size + rank_at(a, text, len, start + i);
    return value;
}

/* `out` has room for MAX_BYTES; the result's length, 0: there is nothing between. */
static size_t mix(const alphabet *a, const uint8_t *low, size_t low_len, const uint8_t *high, size_t high_len,
                  double share, uint8_t *out)
{
    size_t start = 0;
    while (start < low_len && start < high_len && low[start] == high[start])
        start++;
    if (start + DIGITS > MAX_BYTES)
        return 0;
    double from = fraction_of(a, low, low_len, start), to = fraction_of(a, high, high_len, start);
    double value = floor(from * (1 - share) + to * share);
    if (from >= to)
        return 0;
    memcpy(out, low, start);
    for (size_t i = DIGITS; i > 0; i--) {
        double rest = floor(value / a->size);
        out[start + i - 1] = a->byte((unsigned)(value - rest * a->size));
        value = rest;
    }
    return start + DIGITS;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The value's bytes, as many as fit; false: it is in no form of bytes. */
static bool bytes_of(const char *text, uint8_t out[MAX_BYTES], size_t *len)
{
    bool own = text[0] == RV_KEY_OWN_FORM;
    size_t n = own ? strlen(text + 1) / 2 : strlen(text);
    *len = n < MAX_BYTES ? n : MAX_BYTES;
    if (!own)
        memcpy(out, text, *len);
    for (size_t i = 0; own && i < *len; i++) {
        int high = hex_digit(text[1 + 2 * i]), low = hex_digit(text[2 + 2 * i]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* In UCS-2, UTF-16 and UTF-32 a letter is no single byte. */
static bool is_bytewise(const char *charset)
{
    return strncmp(charset, "ucs", 3) != 0 && strncmp(charset, "utf16", 5) != 0 &&
           strncmp(charset, "utf32", 5) != 0;
}

static const alphabet *alphabet_of(const rvi_my_key_type *type)
{
    if (type->form == RVI_MY_KEY_BYTES)
        return &bytes;
    size_t len = strlen(type->collation);
    if (!is_bytewise(type->charset))
        return NULL;
    return len > 4 && strcmp(type->collation + len - 4, "_bin") == 0 ? &codes : &letters;
}

static bool guess_string(const rvi_my_key_type *type, const char *low, const char *high, double share,
                         char out[RVI_MY_MIDDLE_BYTES])
{
    uint8_t from[MAX_BYTES], to[MAX_BYTES], made[MAX_BYTES];
    size_t from_len = 0, to_len = 0;
    const alphabet *a = alphabet_of(type);
    if (a == NULL || !bytes_of(low, from, &from_len) || !bytes_of(high, to, &to_len))
        return false;
    size_t n = mix(a, from, from_len, to, to_len, share, made);
    out[0] = RV_KEY_OWN_FORM;
    for (size_t i = 0; i < n; i++)
        snprintf(out + 1 + 2 * i, 3, "%02x", made[i]);
    return n > 0;
}

/* ---- UUIDs ---- */

/* Where the bytes lie, in the order in which they count. */
static const uint8_t by_groups[UUID_BYTES] = {10, 11, 12, 13, 14, 15, 8, 9, 6, 7, 4, 5, 0, 1, 2, 3};
static const uint8_t as_written[UUID_BYTES] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

static bool read_uuid(const char *text, uint8_t out[UUID_BYTES])
{
    size_t n = 0;
    if (strlen(text) != UUID_TEXT)
        return false;
    for (size_t i = 0; i < UUID_TEXT && n < UUID_BYTES; i += 2) {
        if (text[i] == '-')
            i++;
        if (i + 1 >= UUID_TEXT)
            return false;
        int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[n++] = (uint8_t)(high << 4 | low);
    }
    return n == UUID_BYTES;
}

static void write_uuid(const uint8_t uuid[UUID_BYTES], char out[RVI_MY_MIDDLE_BYTES])
{
    size_t n = 0;
    for (int i = 0; i < UUID_BYTES; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            out[n++] = '-';
        n += (size_t)snprintf(out + n, 3, "%02x", uuid[i]);
    }
}

static bool guess_uuid(const char *low, const char *high, double share, char out[RVI_MY_MIDDLE_BYTES])
{
    uint8_t from[UUID_BYTES], to[UUID_BYTES], a[UUID_BYTES], b[UUID_BYTES], made[MAX_BYTES],
        uuid[UUID_BYTES] = {0};
    if (!read_uuid(low, from) || !read_uuid(high, to))
        return false;
    bool written = from[6] >> 4 >= 6 && to[6] >> 4 >= 6;
    const uint8_t *order = written ? as_written : by_groups;
    for (int i = 0; i < UUID_BYTES; i++) {
        a[i] = from[order[i]];
        b[i] = to[order[i]];
    }
    size_t n = mix(&bytes, a, sizeof a, b, sizeof b, share, made);
    for (size_t i = 0; i < n && i < UUID_BYTES; i++)
        uuid[order[i]] = made[i];
    /* What it says of itself decides how it is compared. */
    uuid[6] = (uint8_t)((uuid[6] & 0x0F) | (from[6] & 0xF0));
    uuid[8] = (uint8_t)((uuid[8] & 0x3F) | 0x80);
    write_uuid(uuid, out);
    return n > 0;
}

bool rvi_my_guess(const rvi_my_key_type *type, const char *low, const char *high, double share,
                  char out[RVI_MY_MIDDLE_BYTES])
{
    switch (type->form) {
    case RVI_MY_KEY_DECIMAL:
    case RVI_MY_KEY_FLOAT:
        return guess_number(type, low, high, share, out);
    case RVI_MY_KEY_CHARS:
    case RVI_MY_KEY_BYTES:
        return guess_string(type, low, high, share, out);
    case RVI_MY_KEY_TEXT:
        return guess_uuid(low, high, share, out);
    case RVI_MY_KEY_NUMBER: /* on a line */
    case RVI_MY_KEY_YEAR:
    case RVI_MY_KEY_DATE:
    case RVI_MY_KEY_INSTANT:
    case RVI_MY_KEY_LABEL:
    case RVI_MY_KEY_TIME:
        break;
    }
    return false;
}
