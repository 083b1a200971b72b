/* secret.c - secrets, and taking them out of texts that leave the process.
 *
 * Redaction works by value first: a secret is found as it is and in the forms other programs give it when
 * they quote it back (each byte possibly as %XX or behind a backslash; a control character as a blank).
 * Overlapping finds are one find, so that removing one secret never leaves half of another. A text that fills
 * its buffer was probably cut, perhaps in the middle of a secret; there the beginning of a secret at the very
 * end counts as the secret.
 *
 * The pattern comes second and catches passwords nobody told us about: in scheme://user:password@host the
 * password may hold any byte but a blank or a quote, also '/', '?', '#', '@' and ':', so it reaches to the
 * last '@' of the word. That can take too much of a text. It cannot take too little of a password. */
#include "rivet/secret.h"

#include "rivet/checked.h"
#include "rivet/utf8.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    SHORT_SECRET = 4, /* shorter ones are matched as whole words only */
    STARS = 3,
    CUT_MARGIN = 4, /* a text this close to its buffer's size may have been cut (on a character boundary) */
};

struct rv_secret {
    size_t len;
    char bytes[]; /* len bytes and a NUL */
};

typedef struct known {
    struct known *next;
    size_t len; /* at least 1 */
    char bytes[];
} known;

struct rv_redactor {
    known *secrets;
};

void rv_wipe(void *memory, size_t len)
{
    explicit_bzero(memory, len);
}

rv_code rv_secret_new(rv_secret **out, const char *bytes, size_t len, rv_error *err)
{
    size_t size;
    if (rv_add_size(&size, sizeof(rv_secret) + 1, len))
        return rv_fail(err, RV_E_LIMIT_EXCEEDED, "a secret cannot have %zu bytes", len);
    rv_secret *secret = malloc(size);
    if (!secret)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "cannot allocate a secret");
    secret->len = len;
    if (len > 0)
        memcpy(secret->bytes, bytes, len);
    secret->bytes[len] = '\0';
    *out = secret;
    return RV_OK;
}

void rv_secret_free(rv_secret *secret)
{
    if (!secret)
        return;
    rv_wipe(secret->bytes, secret->len);
    free(secret);
}

const char *rv_secret_reveal(const rv_secret *secret)
{
    return secret->bytes;
}

size_t rv_secret_len(const rv_secret *secret)
{
    return secret->len;
}

rv_code rv_redactor_new(rv_redactor **out, rv_error *err)
{
    rv_redactor *redactor = calloc(1, sizeof *redactor);
    if (!redactor)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "cannot allocate a redactor");
    *out = redactor;
    return RV_OK;
}

void rv_redactor_free(rv_redactor *redactor)
{
    if (!redactor)
        return;
    for (known *k = redactor->secrets; k;) {
        known *next = k->next;
        rv_wipe(k->bytes, k->len);
        free(k);
        k = next;
    }
    free(redactor);
}

rv_code rv_redactor_add(rv_redactor *redactor, const rv_secret *secret, rv_error *err)
{
    if (secret->len == 0)
        return RV_OK;
    size_t size;
    if (rv_add_size(&size, sizeof(known), secret->len))
        return rv_fail(err, RV_E_LIMIT_EXCEEDED, "a secret cannot have %zu bytes", secret->len);
    known *k = malloc(size);
    if (!k)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "cannot remember a secret for redaction");
    k->len = secret->len;
    memcpy(k->bytes, secret->bytes, secret->len);
    k->next = redactor->secrets;
    redactor->secrets = k;
    return RV_OK;
}

/* ---- finding ---- */

/* A text being redacted in place. */
typedef struct subject {
    char *text;
    size_t len, size; /* size: of the buffer, with the NUL */
    bool is_cut;
} subject;

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Length of the quoted form of `byte` at p, which has `left` bytes: %XX, or \ and the byte. 0: none. */
static size_t quoted_len(const char *p, size_t left, char byte)
{
    if (left >= 3 && p[0] == '%') {
        int high = hex_value(p[1]), low = hex_value(p[2]);
        if (high >= 0 && low >= 0 && high * 16 + low == (unsigned char)byte)
            return 3;
    }
    return left >= 2 && p[0] == '\\' && p[1] == byte ? 2 : 0;
}

/* The log writes control characters as blanks, so a secret that has some is found in that form too. */
static bool is_same(char text, char secret)
{
    return text == secret || (text == ' ' && ((unsigned char)secret < ' ' || secret == 0x7f));
}

/* Length of the secret at p, each of its bytes plain or quoted; 0: it does not stand there. With a cut text,
 * SHORT_SECRET bytes of the secret that run to the end of the text are enough. */
static size_t secret_len_at(const known *k, const char *p, size_t left, bool is_cut)
{
    if (k->len <= left && memcmp(p, k->bytes, k->len) == 0)
        return k->len;
    size_t at = 0, n = 0;
    for (; n < k->len && at < left; n++) {
        size_t quoted = quoted_len(p + at, left - at, k->bytes[n]);
        if (quoted == 0 && !is_same(p[at], k->bytes[n]))
            break;
        at += quoted ? quoted : 1;
    }
    if (n == k->len)
        return at;
    /* The cut may have gone through a %XX. */
    const bool reaches_end = at == left || (left - at < 3 && (p[at] == '%' || p[at] == '\\'));
    return is_cut && reaches_end && n >= SHORT_SECRET ? left : 0;
}

static bool is_word(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (unsigned char)c >= 0x80;
}

/* Longest secret that stands at position i of the text; 0: none. */
static size_t longest_at(const rv_redactor *redactor, const subject *s, size_t i)
{
    size_t longest = 0;
    for (const known *k = redactor->secrets; k; k = k->next) {
        size_t n = secret_len_at(k, s->text + i, s->len - i, s->is_cut);
        if (n <= longest)
            continue;
        const bool inside_word =
            (i > 0 && is_word(s->text[i - 1])) || (i + n < s->len && is_word(s->text[i + n]));
        if (k->len < SHORT_SECRET && inside_word)
            continue;
        longest = n;
    }
    return longest;
}

/* End of the find that begins at i, grown over every find that overlaps it; i: none begins here. */
static size_t find_end(const rv_redactor *redactor, const subject *s, size_t i)
{
    size_t end = i + longest_at(redactor, s, i);
    for (size_t k = i + 1; k < end; k++) {
        size_t n = longest_at(redactor, s, k);
        if (k + n > end)
            end = k + n;
    }
    return end;
}

/* ---- replacing ---- */

/* Replace text[from, to) by stars and return the position after them. Where the buffer is too small for the
 * longer text, the end of the text is cut. */
static size_t put_stars(subject *s, size_t from, size_t to)
{
    const size_t room = s->size - 1 - from;
    const size_t n_stars = room < STARS ? room : STARS;
    size_t tail = s->len - to;
    if (tail > room - n_stars)
        tail = rv_utf8_prefix((const uint8_t *)s->text + to, tail, room - n_stars);
    memmove(s->text + from + n_stars, s->text + to, tail);
    memset(s->text + from, '*', n_stars);
    s->len = from + n_stars + tail;
    s->text[s->len] = '\0';
    return from + n_stars;
}

static void redact_values(const rv_redactor *redactor, subject *s)
{
    for (size_t i = 0; i < s->len;) {
        size_t end = find_end(redactor, s, i);
        i = end > i ? put_stars(s, i, end) : i + 1;
    }
}

static bool ends_url(char c)
{
    return (unsigned char)c <= ' ' || c == '"' || c == '\'' || c == '`' || c == '<' || c == '>' || c == 0x7f;
}

/* The password of the URL whose "://" ends at `i`: sets its bounds, false when the URL has none. */
static bool find_password(const subject *s, size_t i, size_t *from, size_t *to)
{
    size_t end = i, last_at = 0, colon = 0;
    for (; end < s->len && !ends_url(s->text[end]); end++) {
        const char c = s->text[end];
        if (c == ':' && !colon && !last_at)
            colon = end;
        else if (c == '/' && !colon)
            return false;
        else if (c == '@')
            last_at = end;
    }
    if (!colon)
        return false;
    if (!last_at && s->is_cut && end == s->len)
        last_at = end; /* the '@' may have been cut off */
    *from = colon + 1;
    *to = last_at;
    return last_at > colon + 1;
}

static void redact_urls(subject *s)
{
    for (size_t i = 0; i + 3 <= s->len; i++) {
        size_t from, to;
        if (memcmp(s->text + i, "://", 3) != 0)
            continue;
        i += 2;
        if (find_password(s, i + 1, &from, &to))
            i = put_stars(s, from, to) - 1;
    }
}

void rv_redact(const rv_redactor *redactor, char *text, size_t size)
{
    if (size == 0)
        return;
    subject s = {.text = text, .len = strnlen(text, size - 1), .size = size};
    s.is_cut = s.len + CUT_MARGIN >= size;
    s.text[s.len] = '\0';
    if (redactor)
        redact_values(redactor, &s);
    redact_urls(&s);
}

void rv_redact_error(const rv_redactor *redactor, rv_error *err)
{
    if (!err)
        return;
    rv_redact(redactor, err->message, sizeof err->message);
    rv_redact(redactor, err->hint, sizeof err->hint);
    for (int i = 0; i < err->n_frames; i++)
        rv_redact(redactor, err->frame[i], sizeof err->frame[i]);
}
