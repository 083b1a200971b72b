/* quote.c - which values need quotes, and writing them. Eight bytes a step: most values need none, and
 * finding that out is the larger part of writing a text column. */
#include "format/csv/internal.h"

static bool is_line_break(char c)
{
    return c == '\n' || c == '\r';
}

static rv_code check_delimiter(char delimiter, rv_error *err)
{
    const bool printable = delimiter >= ' ' && delimiter < 0x7F;
    if ((printable || delimiter == '\t') && delimiter != '"')
        return RV_OK;
    return rv_fail(err, RV_E_CONFIG_VALUE, "byte 0x%02X cannot be the delimiter of a CSV file",
                   (unsigned)(unsigned char)delimiter);
}

static rv_code check_null_text(const rvi_csv_dialect *dialect, rv_error *err)
{
    for (size_t i = 0; i < dialect->null_len; i++) {
        char c = dialect->null_text[i];
        if (c == dialect->delimiter || c == '"' || is_line_break(c))
            return rv_fail(
                err, RV_E_CONFIG_VALUE,
                "the null text of a CSV file cannot contain the delimiter, a quote or a line break");
    }
    return RV_OK;
}

rv_code rvi_csv_dialect_init(rvi_csv_dialect *out, const rv_csv_options *options, rv_error *err)
{
    rvi_csv_dialect dialect = {
        .delimiter = options->delimiter,
        .null_text = options->null_text ? options->null_text : "",
        .line_ending = options->line_ending ? options->line_ending : "\n",
    };
    dialect.null_len = strlen(dialect.null_text);
    dialect.line_ending_len = strlen(dialect.line_ending);
    RV_TRY(check_delimiter(dialect.delimiter, err));
    RV_TRY(check_null_text(&dialect, err));
    if (strcmp(dialect.line_ending, "\n") != 0 && strcmp(dialect.line_ending, "\r\n") != 0)
        return rv_fail(err, RV_E_CONFIG_VALUE, "the line ending of a CSV file is LF or CRLF, nothing else");
    *out = dialect;
    return RV_OK;
}

static const uint64_t EVERY_BYTE = 0x0101010101010101U;

/* Not zero exactly when one of the eight bytes of `word` is zero (Hacker's Delight, 6-1). Which one does not
 * matter here, so byte order does not either. */
static uint64_t has_zero_byte(uint64_t word)
{
    return (word - EVERY_BYTE) & ~word & (EVERY_BYTE << 7);
}

static uint64_t has_byte(uint64_t word, char c)
{
    return has_zero_byte(word ^ (EVERY_BYTE * (unsigned char)c));
}

static bool is_special(char c, char delimiter)
{
    return c == delimiter || c == '"' || is_line_break(c);
}

static bool has_special(const char *text, size_t len, char delimiter)
{
    size_t i = 0;
    for (; i + 8 <= len; i += 8) {
        uint64_t word;
        memcpy(&word, text + i, 8);
        if (has_byte(word, delimiter) | has_byte(word, '"') | has_byte(word, '\n') | has_byte(word, '\r'))
            return true;
    }
    for (; i < len; i++)
        if (is_special(text[i], delimiter))
            return true;
    return false;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

bool rvi_csv_needs_quotes(const rvi_csv_dialect *dialect, const char *text, size_t len)
{
    if (len == 0 || is_blank(text[0]) || is_blank(text[len - 1]))
        return true;
    if (len == dialect->null_len && memcmp(text, dialect->null_text, len) == 0)
        return true;
    if (len == 2 && text[0] == '\\' && text[1] == '.')
        return true;
    return has_special(text, len, dialect->delimiter);
}

size_t rvi_csv_double_quotes(uint8_t *out, const char *text, size_t len)
{
    /* Without a branch: the second store is overwritten by the next byte unless this one was a quote. */
    uint8_t *at = out;
    for (size_t i = 0; i < len; i++) {
        const uint8_t c = (uint8_t)text[i];
        at[0] = c;
        at[1] = '"';
        at += 1 + (c == '"');
    }
    return (size_t)(at - out);
}
