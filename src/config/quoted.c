/* quoted.c - the text of a YAML scalar in single or double quotes.
 *
 * Decoded here and not by libfyaml, whose version 0.7.12 gets texts of several lines wrong (four single
 * quotes become three; a line that ends in an escaped backslash and a continuation gets a space more) and
 * loses memory on many escapes. The parser has already found the quotes, and refuses invalid escapes by
 * itself.
 *
 * Spec: YAML 1.2.2, 5.7 (escapes), 6.5 (line folding), 7.3.1 and 7.3.2 (double and single quotes). */
#include "config/internal.h"

#include <string.h>

typedef struct unquoting {
    const char *in, *end;
    char *out;
    size_t len;
    size_t kept; /* bytes of `out` that folding may not take away: up to the last character that is no white
                         space, or is written as an escape */
} unquoting;

static bool is_white(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_break(char c)
{
    return c == '\n' || c == '\r';
}

static void skip_break(unquoting *u)
{
    u->in += u->end - u->in >= 2 && u->in[0] == '\r' && u->in[1] == '\n' ? 2 : 1;
}

static void skip_white(unquoting *u)
{
    while (u->in < u->end && is_white(*u->in))
        u->in++;
}

static void put(unquoting *u, char c)
{
    u->out[u->len++] = c;
    if (!is_white(c))
        u->kept = u->len;
}

/* White space of a line that is continued, and empty lines: one line feed for each of these. Returns how
 * many. */
static int skip_empty_lines(unquoting *u)
{
    int n = 0;
    skip_white(u);
    for (; u->in < u->end && is_break(*u->in); n++) {
        skip_break(u);
        skip_white(u);
    }
    return n;
}

/* At a line break: it becomes a space, or as many line feeds as empty lines follow. */
static void fold(unquoting *u)
{
    u->len = u->kept;
    skip_break(u);
    int n_empty = skip_empty_lines(u);
    if (n_empty == 0)
        u->out[u->len++] = ' ';
    for (int i = 0; i < n_empty; i++)
        u->out[u->len++] = '\n';
    u->kept = u->len;
}

static void put_utf8(unquoting *u, uint32_t c)
{
    char *out = u->out + u->len;
    if (c < 0x80) {
        out[0] = (char)c;
        u->len += 1;
    } else if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        u->len += 2;
    } else if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        u->len += 3;
    } else {
        out[0] = (char)(0xf0 | c >> 18);
        out[1] = (char)(0x80 | (c >> 12 & 0x3f));
        out[2] = (char)(0x80 | (c >> 6 & 0x3f));
        out[3] = (char)(0x80 | (c & 0x3f));
        u->len += 4;
    }
    u->kept = u->len;
}

static bool read_hex(unquoting *u, int n_digits, uint32_t *out)
{
    static const char digits[] = "0123456789abcdef";
    uint32_t value = 0;
    if (u->end - u->in < n_digits)
        return false;
    for (int i = 0; i < n_digits; i++, u->in++) {
        char lower = *u->in >= 'A' && *u->in <= 'F' ? (char)(*u->in - 'A' + 'a') : *u->in;
        const char *digit = lower ? strchr(digits, lower) : NULL;
        if (!digit)
            return false;
        value = value << 4 | (uint32_t)(digit - digits);
    }
    *out = value;
    return true;
}

/* \x, \u, \U; two \u of a surrogate pair are one character, as in JSON, which YAML takes in. */
static bool put_numbered(unquoting *u, int n_digits)
{
    uint32_t c = 0, low = 0;
    if (!read_hex(u, n_digits, &c))
        return false;
    if (c >= 0xd800 && c < 0xdc00 && u->end - u->in >= 6 && memcmp(u->in, "\\u", 2) == 0) {
        u->in += 2;
        if (!read_hex(u, 4, &low) || low < 0xdc00 || low > 0xdfff)
            return false;
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return false;
    put_utf8(u, c);
    return true;
}

/* Behind a backslash. */
static bool unescape(unquoting *u)
{
    static const struct {
        char letter;
        uint32_t stands_for;
    } escapes[] = {{'0', 0},   {'a', 7},     {'b', 8},    {'t', 9},    {'\t', 9},     {'n', 10},
                   {'v', 11},  {'f', 12},    {'r', 13},   {'e', 27},   {' ', ' '},    {'"', '"'},
                   {'/', '/'}, {'\\', '\\'}, {'N', 0x85}, {'_', 0xa0}, {'L', 0x2028}, {'P', 0x2029}};
    if (u->in == u->end)
        return false;
    char letter = *u->in;
    if (is_break(letter)) { /* the line goes on; white space before the backslash stays */
        u->kept = u->len;
        skip_break(u);
        for (int n = skip_empty_lines(u); n > 0; n--)
            put(u, '\n');
        return true;
    }
    u->in++;
    if (letter == 'x' || letter == 'u' || letter == 'U')
        return put_numbered(u, letter == 'x' ? 2 : letter == 'u' ? 4 : 8);
    for (size_t i = 0; i < sizeof escapes / sizeof escapes[0]; i++) {
        if (escapes[i].letter != letter)
            continue;
        put_utf8(u, escapes[i].stands_for);
        return true;
    }
    return false;
}

bool rvi_unquote(rvi_quotes quotes, const char *text, size_t len, char *out, size_t *out_len)
{
    unquoting u = {.in = text, .end = text + len, .out = out};
    while (u.in < u.end) {
        char c = *u.in;
        if (is_break(c)) {
            fold(&u);
        } else if (quotes == RVI_QUOTES_DOUBLE && c == '\\') {
            u.in++;
            if (!unescape(&u))
                return false;
        } else {
            bool doubled = quotes == RVI_QUOTES_SINGLE && c == '\'' && u.end - u.in >= 2 && u.in[1] == '\'';
            put(&u, c);
            u.in += doubled ? 2 : 1;
        }
    }
    out[u.len] = '\0';
    *out_len = u.len;
    return true;
}
