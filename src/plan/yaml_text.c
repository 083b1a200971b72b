/* yaml_text.c - texts from a source's catalog inside a YAML file.
 *
 * Names and types come from whoever made the tables, and may hold anything. Written as they are, a line end would
 * begin a line of the configuration, so every character that is not plainly printable is escaped in a scalar and
 * replaced in a comment. Spec: YAML 1.2.2, sections 5.1 (printable characters), 5.7 (escapes), 7.3.1. */
#include "internal.h"

#include "rivet/utf8.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

/* The character at `at` of a valid UTF-8 text that has not ended; *len: its bytes. */
static uint32_t character_at(const char *at, size_t *len)
{
    unsigned char first = (unsigned char)at[0];
    *len = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    uint32_t value = *len == 1 ? first : first & (0x7Fu >> *len);
    for (size_t i = 1; i < *len; i++)
        value = value << 6 | ((unsigned char)at[i] & 0x3Fu);
    return value;
}

/* Neither a control character nor one that YAML, or an editor, takes for a line end or a byte order mark. */
static bool is_printable(uint32_t c)
{
    if (c < 0x20 || (c >= 0x7F && c < 0xA0))
        return false;
    return c != 0x2028 && c != 0x2029 && c != 0xFEFF && c != 0xFFFE && c != 0xFFFF;
}

static rv_code check_utf8(const char *text, rv_error *err)
{
    if (rv_utf8_valid((const uint8_t *)text, strlen(text)))
        return RV_OK;
    return rv_fail(err, RV_E_VALUE_ENCODING, "a name in the source's catalog is not valid UTF-8");
}

rv_code rvi_yaml_quoted(rv_bytes *out, const char *text, rv_error *err)
{
    RV_TRY(check_utf8(text, err));
    RV_TRY(rv_bytes_append_str(out, "\"", err));
    for (size_t len = 0; *text != '\0'; text += len) {
        uint32_t c = character_at(text, &len);
        if (c == '"' || c == '\\')
            RV_TRY(rv_bytes_printf(out, err, "\\%c", (int)c));
        else if (!is_printable(c))
            RV_TRY(rv_bytes_printf(out, err, c < 0x100 ? "\\x%02" PRIx32 : "\\u%04" PRIx32, c));
        else if (c == '$' && text[1] == '{') /* ${…} would be taken for a variable */
            RV_TRY(rv_bytes_append_str(out, "$$", err));
        else
            RV_TRY(rv_bytes_append(out, text, len, err));
    }
    return rv_bytes_append_str(out, "\"", err);
}

bool rvi_yaml_is_plain(const char *text)
{
    if (!isalpha((unsigned char)text[0]) && text[0] != '_')
        return false;
    static const char *const words[] = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcasecmp(text, words[i]) == 0)
            return false;
    for (; *text != '\0'; text++)
        if (!isalnum((unsigned char)*text) && *text != '_')
            return false;
    return true;
}

rv_code rvi_yaml_scalar(rv_bytes *out, const char *text, rv_error *err)
{
    return rvi_yaml_is_plain(text) ? rv_bytes_append_str(out, text, err) : rvi_yaml_quoted(out, text, err);
}

rv_code rvi_yaml_comment(rv_bytes *out, const char *text, rv_error *err)
{
    bool valid = rv_utf8_valid((const uint8_t *)text, strlen(text));
    for (size_t len = 1; *text != '\0'; text += len) {
        uint32_t c = valid ? character_at(text, &len) : (unsigned char)*text;
        bool shown = is_printable(c) && (valid || c < 0x80);
        RV_TRY(rv_bytes_append(out, shown ? text : "?", shown ? len : 1, err));
    }
    return RV_OK;
}
