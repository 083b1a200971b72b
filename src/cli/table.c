#include "table.h"

#include "rivet/utf8.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { GAP = 2 }; /* blanks between columns */

void rvi_table_init(rvi_table *table, const rvi_table_column *columns, int n_columns)
{
    *table = (rvi_table){.columns = columns, .n_columns = n_columns, .cells = RV_BYTES_INIT(RVI_TABLE_BYTES)};
}

void rvi_table_deinit(rvi_table *table)
{
    rv_bytes_deinit(&table->cells);
}

/* A byte that does not go on with a character begins one. */
static bool begins_character(char byte)
{
    return ((unsigned char)byte & 0xC0) != 0x80;
}

static size_t count_characters(const char *text)
{
    size_t n = 0;
    for (; *text != '\0'; text++)
        n += begins_character(*text);
    return n;
}

/* Bytes of the first `most` characters. */
static size_t prefix_bytes(const char *text, size_t most)
{
    size_t at = 0, n = 0;
    for (; text[at] != '\0'; at++)
        if (begins_character(text[at]) && n++ == most)
            break;
    return at;
}

rv_code rvi_table_add(rvi_table *table, const char *text, rv_error *err)
{
    char line[RVI_TABLE_CELL * 4 + 8];
    size_t len = strlen(text);
    if (prefix_bytes(text, RVI_TABLE_CELL) < len)
        len = prefix_bytes(text, RVI_TABLE_CELL - 1);
    if (len > sizeof line - 4) /* no UTF-8 */
        len = sizeof line - 4;
    (void)snprintf(line, sizeof line, "%.*s%s", (int)len, text, text[len] != '\0' ? "…" : "");
    rvi_text_clean(line);
    return rv_bytes_append(&table->cells, line, strlen(line) + 1, err);
}

rv_code rvi_table_addf(rvi_table *table, rv_error *err, const char *fmt, ...)
{
    char text[512];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return rvi_table_add(table, text, err);
}

/* Width of each column, the title included; the caller frees *out. */
static rv_code column_widths(const rvi_table *table, size_t **out, rv_error *err)
{
    size_t *widths = calloc((size_t)table->n_columns, sizeof *widths);
    if (widths == NULL)
        return rv_fail(err, RV_E_OUT_OF_MEMORY, "a table of %d columns", table->n_columns);
    for (int c = 0; c < table->n_columns; c++)
        widths[c] = table->columns[c].title != NULL ? count_characters(table->columns[c].title) : 0;
    int column = 0;
    for (size_t at = 0; at < table->cells.len; at += strlen((const char *)table->cells.data + at) + 1) {
        size_t n = count_characters((const char *)table->cells.data + at);
        widths[column] = n > widths[column] ? n : widths[column];
        column = (column + 1) % table->n_columns;
    }
    *out = widths;
    return RV_OK;
}

/* Blanks are owed until something follows them: no line ends in one. */
static void print_cell(const rvi_table *table, FILE *out, int column, const char *text, size_t width,
                       int *owed)
{
    size_t n = count_characters(text);
    int blanks = width > n ? (int)(width - n) : 0;
    bool is_number = table->columns[column].is_number;
    if (is_number)
        *owed += blanks;
    if (n > 0) {
        fprintf(out, "%*s%s", *owed, "", text);
        *owed = 0;
    }
    if (!is_number)
        *owed += blanks;
    *owed += GAP;
    if (column + 1 < table->n_columns)
        return;
    fputc('\n', out);
    *owed = 0;
}

rv_code rvi_table_print(const rvi_table *table, FILE *out, const char *indent, rv_error *err)
{
    size_t *widths = NULL;
    int column = 0, owed = 0;
    if (table->cells.len == 0)
        return RV_OK;
    RV_TRY(column_widths(table, &widths, err));
    if (table->columns[0].title != NULL)
        fputs(indent, out);
    for (int c = 0; c < table->n_columns && table->columns[0].title != NULL; c++)
        print_cell(table, out, c, table->columns[c].title, widths[c], &owed);
    for (size_t at = 0; at < table->cells.len; at += strlen((const char *)table->cells.data + at) + 1) {
        if (column == 0)
            fputs(indent, out);
        print_cell(table, out, column, (const char *)table->cells.data + at, widths[column], &owed);
        column = (column + 1) % table->n_columns;
    }
    free(widths);
    return RV_OK;
}

rv_code rvi_table_width(const rvi_table *table, size_t *out, rv_error *err)
{
    size_t *widths = NULL, sum = 0;
    RV_TRY(column_widths(table, &widths, err));
    for (int c = 0; c < table->n_columns; c++)
        sum += widths[c] + (c > 0 ? GAP : 0);
    free(widths);
    *out = sum;
    return RV_OK;
}
