/* text.c - texts of others on our screen: names, messages and values that a source, a server or a file chose.
 *
 * A control character could move the cursor, forge a line or reprogram a terminal, so none is printed. Nor is every
 * text UTF-8, which JSON demands. */
#include "cli.h"

#include "rivet/checked.h"
#include "rivet/utf8.h"

#include <stdlib.h>
#include <string.h>

void rvi_text_clean(char *text)
{
    for (unsigned char *at = (unsigned char *)text; *at != '\0'; at++) {
        if (*at < 0x20 || *at == 0x7F)
            *at = ' ';
        else if (at[0] == 0xC2 && at[1] >= 0x80 && at[1] < 0xA0) /* U+0080 to U+009F, in UTF-8 */
            at[0] = at[1] = ' ';
    }
}

const char *rvi_text_line(char *out, size_t size, const char *text)
{
    size_t len = strlen(text);
    if (len >= size)
        len = rv_utf8_prefix((const uint8_t *)text, len, size - 1);
    memcpy(out, text, len);
    out[len] = '\0';
    rvi_text_clean(out);
    return out;
}

/* Bytes of the character at the start of `text`; 0: what stands there is no UTF-8. */
static size_t character_bytes(const char *text, size_t left)
{
    for (size_t n = 1; n <= 4 && n <= left; n++)
        if (rv_utf8_valid((const uint8_t *)text, n))
            return n;
    return 0;
}

/* Every byte that is no UTF-8 becomes U+FFFD, which has three. */
static char *repaired(const char *text, size_t len)
{
    static const char replacement[] = "\xEF\xBF\xBD";
    size_t size;
    if (rv_mul_size(&size, len, sizeof replacement - 1) || rv_add_size(&size, size, 1))
        return NULL;
    char *out = malloc(size), *to = out;
    for (size_t at = 0; out != NULL && at < len;) {
        size_t n = character_bytes(text + at, len - at);
        size_t n_put = n > 0 ? n : sizeof replacement - 1;
        memcpy(to, n > 0 ? text + at : replacement, n_put);
        to += n_put;
        at += n > 0 ? n : 1;
    }
    if (out != NULL)
        *to = '\0';
    return out;
}

json_t *rvi_text_json(const char *text)
{
    size_t len = strlen(text);
    if (rv_utf8_valid((const uint8_t *)text, len))
        return json_stringn_nocheck(text, len);
    char *valid = repaired(text, len);
    json_t *string = valid != NULL ? json_string_nocheck(valid) : NULL;
    free(valid);
    return string;
}
