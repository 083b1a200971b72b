#include "cli.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    PLAIN_INTERVAL_US = 10 * 1000 * 1000,
    USUAL_COLUMNS = 80, /* where the terminal does not say */
    NAME_COLUMNS = 32,  /* what a long name may take of the line, and never more than a third of it */
};

bool rvi_stderr_is_terminal(void)
{
    const char *term = getenv("TERM");
    return isatty(STDERR_FILENO) == 1 && term != NULL && strcmp(term, "dumb") != 0;
}

void rvi_progress_line_init(rvi_progress_line *line, bool terminal)
{
    *line = (rvi_progress_line){.terminal = terminal};
}

/* Asked each time: windows change. */
static int terminal_columns(void)
{
    struct winsize size = {0};
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : USUAL_COLUMNS;
}

/* Cut `text` to this many columns. A character outside ASCII counts as two, as the wide ones do: a line that wraps
 * could not be taken back by the next update, one that is a little short does no harm. */
static void cut_to(char *text, int columns)
{
    int taken = 0;
    for (char *at = text; *at != '\0';) {
        size_t len = 1;
        while (((unsigned char)at[len] & 0xC0) == 0x80)
            len++;
        taken += (unsigned char)*at < 0x80 ? 1 : 2;
        if (taken > columns) {
            *at = '\0';
            return;
        }
        at += len;
    }
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

/* "  42 %  ETA 2 m 06 s", or nothing where nothing sensible can be said. */
static void compose_share(char *out, size_t size, const rv_progress *p)
{
    char eta[RVI_UNIT_BYTES];
    double share = share_done(p), ms = (double)p->elapsed_us / 1000;
    out[0] = '\0';
    if (share > 0.001 && share <= 1)
        (void)snprintf(out, size, "  %d %%  ETA %s", (int)(share * 100),
                       rvi_text_duration(eta, (int64_t)(ms * (1 - share) / share)));
}

void rvi_progress_compose(char out[RVI_PROGRESS_BYTES], const rv_progress *p, int columns)
{
    char name[RV_RUN_ID_BYTES], rows[RVI_UNIT_BYTES], rate[RVI_UNIT_BYTES], wire[RVI_UNIT_BYTES],
        rss[RVI_UNIT_BYTES], share[2 * RVI_UNIT_BYTES];
    rvi_text_line(name, sizeof name, p->export_name);
    cut_to(name, columns / 3 < NAME_COLUMNS ? columns / 3 : NAME_COLUMNS);
    compose_share(share, sizeof share, p);
    (void)snprintf(out, RVI_PROGRESS_BYTES, "%s  %s rows%s  %s rows  %s read  RSS %s", name,
                   rvi_text_count(rows, p->rows_read), share,
                   rvi_text_rate(rate, p->rows_read, p->elapsed_us / 1000),
                   rvi_text_bytes(wire, p->wire_bytes), rvi_text_bytes(rss, p->rss_bytes));
    cut_to(out, columns);
}

void rvi_progress_line_update(void *context, const rv_progress *progress)
{
    rvi_progress_line *line = context;
    char text[RVI_PROGRESS_BYTES];
    if (line->terminal) {
        rvi_progress_compose(text, progress, terminal_columns() - 1); /* the last column may wrap */
        fprintf(stderr, RVI_CLEAR_LINE "%s", text);
        line->shown = true;
    } else if (progress->elapsed_us - line->last_plain_us >= PLAIN_INTERVAL_US) {
        line->last_plain_us = progress->elapsed_us;
        rvi_progress_compose(text, progress, RVI_PROGRESS_BYTES);
        fprintf(stderr, "%s\n", text);
    }
}

void rvi_progress_line_clear(rvi_progress_line *line)
{
    if (line->shown)
        fputs(RVI_CLEAR_LINE, stderr);
    line->shown = false;
    line->last_plain_us = 0;
}
