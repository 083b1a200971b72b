#include "cli.h"

#include <unistd.h>

enum { PLAIN_INTERVAL_US = 10 * 1000 * 1000 };

void rvi_progress_line_init(rvi_progress_line *line)
{
    *line = (rvi_progress_line){.terminal = isatty(STDERR_FILENO) == 1};
}

/* Share done, by storage units where they are known (exact), else by estimated rows; negative: unknown. */
static double share_done(const rv_progress *p)
{
    if (p->n_units > 0)
        return (double)p->units_done / (double)p->n_units;
    if (p->est_rows > 0)
        return (double)p->rows_read / (double)p->est_rows;
    return -1;
}

static void compose(const rv_progress *p, char *out, size_t size)
{
    char rows[RVI_UNIT_BYTES], rate[RVI_UNIT_BYTES], wire[RVI_UNIT_BYTES], rss[RVI_UNIT_BYTES],
        eta[RVI_UNIT_BYTES];
    int64_t ms = p->elapsed_us / 1000;
    double share = share_done(p);
    int at = snprintf(out, size, "%s  %s rows  %s read  %s rows  RSS %s", p->export_name,
                      rvi_text_count(rows, p->rows_read), rvi_text_bytes(wire, p->wire_bytes),
                      rvi_text_rate(rate, p->rows_read, ms), rvi_text_bytes(rss, p->rss_bytes));
    if (share > 0.001 && share <= 1 && at > 0 && (size_t)at < size)
        (void)snprintf(out + at, size - (size_t)at, "  %d %%  ETA %s", (int)(share * 100),
                       rvi_text_duration(eta, (int64_t)((double)ms * (1 - share) / share)));
}

void rvi_progress_line_update(void *context, const rv_progress *progress)
{
    rvi_progress_line *line = context;
    char text[256];
    compose(progress, text, sizeof text);
    if (line->terminal) {
        fprintf(stderr, "\r\033[K%s", text);
        line->shown = true;
    } else if (progress->elapsed_us - line->last_plain_us >= PLAIN_INTERVAL_US) {
        line->last_plain_us = progress->elapsed_us;
        fprintf(stderr, "%s\n", text);
    }
}

void rvi_progress_line_clear(rvi_progress_line *line)
{
    if (line->shown)
        fputs("\r\033[K", stderr);
    line->shown = false;
    line->last_plain_us = 0;
}
