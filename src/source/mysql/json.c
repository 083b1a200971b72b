/* json.c - is a text JSON? One walk over the bytes, without memory of its own beyond a bit for each open bracket.
 *
 * MySQL's JSON type is not asked: the server parses what it stores. MariaDB's is a text with a check that can be
 * switched off, so its values are looked at before a file calls them JSON.
 * Spec: RFC 8259. */
#include "internal.h"

/* What may come next. */
typedef enum expect {
    EXPECT_VALUE,
    EXPECT_FIRST_VALUE, /* or the end of an empty array */
    EXPECT_NAME,
    EXPECT_FIRST_NAME, /* or the end of an empty object */
    EXPECT_SEPARATOR,  /* or the end of what is open; of the text where nothing is */
} expect;

typedef struct walk {
    const uint8_t *at, *end;
    expect next;
    int depth;
    uint8_t is_object[RVI_MY_JSON_DEPTH / 8]; /* a bit for each open bracket */
} walk;

static bool is_digit(const walk *w)
{
    return w->at < w->end && *w->at >= '0' && *w->at <= '9';
}

static void skip_space(walk *w)
{
    while (w->at < w->end && (*w->at == ' ' || *w->at == '\t' || *w->at == '\n' || *w->at == '\r'))
        w->at++;
}

static bool in_object(const walk *w)
{
    int top = w->depth - 1;
    return (w->is_object[top >> 3] >> (top & 7) & 1) != 0;
}

static bool open_bracket(walk *w)
{
    bool object = *w->at++ == '{';
    if (w->depth == RVI_MY_JSON_DEPTH)
        return false;
    uint8_t bit = (uint8_t)(1u << (w->depth & 7)), *bits = &w->is_object[w->depth >> 3];
    *bits = (uint8_t)(object ? *bits | bit : *bits & ~bit);
    w->depth++;
    w->next = object ? EXPECT_FIRST_NAME : EXPECT_FIRST_VALUE;
    return true;
}

static bool close_bracket(walk *w)
{
    if (w->depth == 0 || (*w->at == '}') != in_object(w))
        return false;
    w->at++;
    w->depth--;
    w->next = EXPECT_SEPARATOR;
    return true;
}

static bool take_word(walk *w, const char *word)
{
    size_t len = strlen(word);
    if ((size_t)(w->end - w->at) < len || memcmp(w->at, word, len) != 0)
        return false;
    w->at += len;
    return true;
}

static bool take_digits(walk *w)
{
    const uint8_t *from = w->at;
    while (is_digit(w))
        w->at++;
    return w->at > from;
}

static bool take_number(walk *w)
{
    w->at += *w->at == '-';
    if (w->at < w->end && *w->at == '0')
        w->at++;
    else if (!take_digits(w))
        return false;
    if (w->at < w->end && *w->at == '.') {
        w->at++;
        if (!take_digits(w))
            return false;
    }
    if (w->at == w->end || (*w->at != 'e' && *w->at != 'E'))
        return true;
    w->at++;
    w->at += w->at < w->end && (*w->at == '+' || *w->at == '-');
    return take_digits(w);
}

/* After the backslash. */
static bool take_escape(walk *w)
{
    if (w->at == w->end)
        return false;
    uint8_t c = *w->at++;
    if (c != 'u')
        return c != '\0' && strchr("\"\\/bfnrt", c) != NULL;
    for (int i = 0; i < 4; i++, w->at++) {
        bool hex = is_digit(w) || (w->at < w->end && ((*w->at | 0x20) >= 'a' && (*w->at | 0x20) <= 'f'));
        if (!hex)
            return false;
    }
    return true;
}

static bool take_string(walk *w)
{
    for (w->at++; w->at < w->end;) {
        uint8_t c = *w->at++;
        if (c == '"')
            return true;
        if (c < 0x20 || (c == '\\' && !take_escape(w)))
            return false;
    }
    return false;
}

static bool take_value(walk *w)
{
    w->next = EXPECT_SEPARATOR;
    switch (*w->at) {
    case '{':
    case '[':
        return open_bracket(w);
    case '"':
        return take_string(w);
    case 't':
        return take_word(w, "true");
    case 'f':
        return take_word(w, "false");
    case 'n':
        return take_word(w, "null");
    default:
        return (*w->at == '-' || is_digit(w)) && take_number(w);
    }
}

static bool take_name(walk *w)
{
    if (*w->at != '"' || !take_string(w))
        return false;
    skip_space(w);
    w->next = EXPECT_VALUE;
    return take_word(w, ":");
}

static bool take_separator(walk *w)
{
    if (*w->at != ',')
        return close_bracket(w);
    w->at++;
    if (w->depth == 0)
        return false;
    w->next = in_object(w) ? EXPECT_NAME : EXPECT_VALUE;
    return true;
}

static bool step(walk *w)
{
    switch (w->next) {
    case EXPECT_VALUE:
        return take_value(w);
    case EXPECT_FIRST_VALUE:
        return *w->at == ']' ? close_bracket(w) : take_value(w);
    case EXPECT_NAME:
        return take_name(w);
    case EXPECT_FIRST_NAME:
        return *w->at == '}' ? close_bracket(w) : take_name(w);
    case EXPECT_SEPARATOR:
        return take_separator(w);
    }
    return false;
}

bool rvi_my_json_valid(const uint8_t *text, size_t len)
{
    walk w = {.at = text, .end = text + len, .next = EXPECT_VALUE};
    for (skip_space(&w); w.at < w.end; skip_space(&w))
        if (!step(&w))
            return false;
    return w.depth == 0 && w.next == EXPECT_SEPARATOR;
}
