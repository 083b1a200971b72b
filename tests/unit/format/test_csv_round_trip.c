/* Random tables of hostile texts in random dialects come back equal through a reader that shares no code with the
 * writer, and the bytes do not depend on how the rows came in batches. */
#include "csv_support.h"

/* ---- a strict reader of RFC 4180 ---- */

typedef struct parsed {
    char *text;
    size_t len;
    bool quoted;
} parsed;

typedef struct reader {
    const char *at, *end;
    char delimiter;
    const char *line_ending;
} reader;

typedef enum stop { STOP_FIELD, STOP_LINE, STOP_END } stop;

static stop end_of_field(reader *r)
{
    size_t eol = strlen(r->line_ending);
    if (r->at == r->end)
        return STOP_END;
    if (*r->at == r->delimiter) {
        r->at++;
        return STOP_FIELD;
    }
    assert_true((size_t)(r->end - r->at) >= eol);
    assert_memory_equal(r->at, r->line_ending, eol);
    r->at += eol;
    return STOP_LINE;
}

static stop read_quoted(reader *r, parsed *out)
{
    out->quoted = true;
    for (r->at++;; r->at++) {
        assert_true(r->at < r->end);
        if (*r->at == '"') {
            r->at++;
            if (r->at == r->end || *r->at != '"')
                return end_of_field(r);
        }
        out->text[out->len++] = *r->at;
    }
}

/* `out->text` has room for the rest of the input. */
static stop read_field(reader *r, parsed *out)
{
    out->len = 0;
    out->quoted = false;
    if (r->at < r->end && *r->at == '"')
        return read_quoted(r, out);
    for (; r->at < r->end && *r->at != r->delimiter && *r->at != '\r' && *r->at != '\n'; r->at++) {
        assert_true(*r->at != '"');
        out->text[out->len++] = *r->at;
    }
    return end_of_field(r);
}

/* ---- random tables ---- */

enum { MAX_COLUMNS = 5, MAX_ROWS = 60, TEXT_POOL = 1 << 21, N_TABLES = 400 };

typedef struct random_table {
    uint64_t seed;
    int n_columns, n_rows;
    text_cell cells[MAX_ROWS][MAX_COLUMNS];
    char names[MAX_COLUMNS][24];
    rv_field fields[MAX_COLUMNS];
    rv_schema schema;
    rv_csv_options csv;
    char *pool;
    size_t pool_len;
} random_table;

static uint32_t next(random_table *t, uint32_t below)
{
    t->seed = t->seed * 6364136223846793005U + 1442695040888963407U; /* Knuth's MMIX */
    return (uint32_t)(t->seed >> 33) % below;
}

static size_t random_len(random_table *t)
{
    uint32_t kind = next(t, 200);
    if (kind == 0)
        return 65536 - 3 + next(t, 6); /* around the writer's buffer */
    if (kind == 1)
        return 4096 - 2 + next(t, 4); /* around its pieces */
    return kind < 40 ? 0 : next(t, 30);
}

static text_cell random_cell(random_table *t)
{
    static const char alphabet[] = ",;\t|\"\"\"\r\n '\\.NULNA0a-\xC3\xBC";
    if (next(t, 6) == 0)
        return (text_cell){NULL, 0};
    size_t len = random_len(t);
    char *text = t->pool + t->pool_len;
    assert_true(t->pool_len + len < TEXT_POOL);
    for (size_t i = 0; i < len; i++)
        text[i] = alphabet[next(t, sizeof alphabet)]; /* the terminating NUL is one of them */
    t->pool_len += len;
    if (next(t, 10) == 0 && t->csv.null_text[0] != '\0')
        return (text_cell){t->csv.null_text, strlen(t->csv.null_text)};
    return (text_cell){text, len};
}

static void make_table(random_table *t, uint64_t seed)
{
    static const char delimiters[] = ",;\t|a ";
    static const char *const null_texts[] = {"", "NULL", "\\N", "NA", "0"};
    static const char *const line_endings[] = {"\n", "\r\n"};
    t->seed = seed;
    t->pool_len = 0;
    t->csv.delimiter = delimiters[next(t, sizeof delimiters - 1)];
    do
        t->csv.null_text = null_texts[next(t, 5)];
    while (strchr(t->csv.null_text, t->csv.delimiter) != NULL && t->csv.null_text[0] != '\0');
    t->csv.line_ending = line_endings[next(t, 2)];
    t->csv.header = next(t, 2) == 0;
    t->n_columns = 1 + (int)next(t, MAX_COLUMNS);
    t->n_rows = (int)next(t, MAX_ROWS + 1);
    for (int c = 0; c < t->n_columns; c++) {
        snprintf(t->names[c], sizeof t->names[c], "c%d%c\"x", c, t->csv.delimiter);
        t->fields[c] = field_of(t->names[c], scalar(RV_TYPE_STRING));
    }
    for (int r = 0; r < t->n_rows; r++)
        for (int c = 0; c < t->n_columns; c++)
            t->cells[r][c] = random_cell(t);
    t->schema = (rv_schema){.fields = t->fields, .n_fields = t->n_columns, .origin = "t"};
}

/* Write the table in batches of at most `split` rows. */
static memory_sink write_split(const random_table *t, int split)
{
    const rv_format_config format = {.kind = RV_FORMAT_CSV, .csv = t->csv};
    const rv_writer_options options = {.format = &format, .schema = &t->schema, .memory_bytes = 1 << 20};
    memory_sink sink = memory_sink_init();
    rv_writer *writer = NULL;
    rv_batch *batch = NULL;
    assert_int_equal(rv_batch_new(&batch, &t->schema, NULL, NULL), RV_OK);
    assert_int_equal(rv_writer_open(&writer, &sink.base, &options, NULL), RV_OK);
    for (int r = 0; r < t->n_rows; r++) {
        append_text_row(batch, t->cells[r]);
        if (batch->rows == split || r + 1 == t->n_rows) {
            assert_int_equal(rv_writer_write(writer, batch, NULL), RV_OK);
            rv_batch_reset(batch);
        }
    }
    rv_writer_stats stats;
    assert_int_equal(rvi_csv_ops.finish(writer, &stats, NULL), RV_OK);
    assert_int_equal(stats.rows, t->n_rows);
    rvi_csv_ops.close(writer);
    rv_batch_free(batch);
    return sink;
}

static void assert_cell(const random_table *t, const parsed *got, const text_cell *cell)
{
    if (cell->text == NULL) {
        assert_false(got->quoted);
        assert_int_equal(got->len, strlen(t->csv.null_text));
        assert_memory_equal(got->text, t->csv.null_text, got->len);
        return;
    }
    assert_int_equal(got->len, cell->len);
    assert_memory_equal(got->text, cell->text, cell->len);
    if (!got->quoted)
        assert_false(got->len == strlen(t->csv.null_text) &&
                     memcmp(got->text, t->csv.null_text, got->len) == 0);
}

static void assert_reads_back(const random_table *t, const rv_bytes *bytes)
{
    char *text = malloc(bytes->len + 1);
    assert_non_null(text);
    reader r = {(const char *)bytes->data, (const char *)bytes->data + bytes->len, t->csv.delimiter,
                t->csv.line_ending};
    parsed got = {.text = text};
    for (int row = t->csv.header ? -1 : 0; row < t->n_rows; row++)
        for (int c = 0; c < t->n_columns; c++) {
            stop end = read_field(&r, &got);
            assert_int_equal(end, c + 1 < t->n_columns ? STOP_FIELD : STOP_LINE);
            const text_cell name = {t->names[c], strlen(t->names[c])};
            assert_cell(t, &got, row < 0 ? &name : &t->cells[row][c]);
        }
    assert_true(r.at == r.end);
    free(text);
}

static void random_tables_come_back_equal_however_they_were_split(void **state)
{
    (void)state;
    random_table *t = malloc(sizeof *t);
    assert_non_null(t);
    t->pool = malloc(TEXT_POOL);
    assert_non_null(t->pool);
    for (uint64_t seed = 0; seed < N_TABLES; seed++) {
        make_table(t, seed);
        memory_sink whole = write_split(t, MAX_ROWS + 1);
        static const int splits[] = {1, 7};
        for (size_t i = 0; i < 2; i++) {
            memory_sink split = write_split(t, splits[i]);
            assert_int_equal(split.bytes.len, whole.bytes.len);
            if (whole.bytes.len > 0)
                assert_memory_equal(split.bytes.data, whole.bytes.data, whole.bytes.len);
            rv_bytes_deinit(&split.bytes);
        }
        assert_reads_back(t, &whole.bytes);
        rv_bytes_deinit(&whole.bytes);
    }
    free(t->pool);
    free(t);
}

/* Values as long as the buffer and longer, quoted and not, and longer than any piece. */
static void values_larger_than_the_buffer_come_back_equal(void **state)
{
    (void)state;
    static const size_t lengths[] = {65534, 65535, 65536, 65537, 131071, 131072, 131073, 300001};
    static char quotes[300001], plain[300001];
    memset(quotes, '"', sizeof quotes);
    memset(plain, 'p', sizeof plain);
    random_table *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->csv = (rv_csv_options){',', "", true, "\n"};
    t->n_columns = 2;
    for (int c = 0; c < 2; c++) {
        snprintf(t->names[c], sizeof t->names[c], "c%d", c);
        t->fields[c] = field_of(t->names[c], scalar(RV_TYPE_STRING));
    }
    t->schema = (rv_schema){.fields = t->fields, .n_fields = 2, .origin = "t"};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        t->cells[t->n_rows][0] = (text_cell){quotes, lengths[i]};
        t->cells[t->n_rows++][1] = (text_cell){plain, lengths[i]};
    }
    memory_sink sink = write_split(t, 3);
    assert_reads_back(t, &sink.bytes);
    rv_bytes_deinit(&sink.bytes);
    free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_tables_come_back_equal_however_they_were_split),
        cmocka_unit_test(values_larger_than_the_buffer_come_back_equal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
