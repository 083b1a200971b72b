/* card.c - what a run leaves on the screen. */
#include "cli.h"

#include <inttypes.h>
#include <string.h>

static const char *mark(const rv_summary *s)
{
    switch (s->status) {
    case RV_RUN_SUCCEEDED:
        return "\xe2\x9c\x93"; /* check mark */
    case RV_RUN_FAILED:
        return "\xe2\x9c\x97"; /* ballot x */
    case RV_RUN_SKIPPED:
    case RV_RUN_INTERRUPTED:
    case RV_RUN_RUNNING:
        break;
    }
    return "\xe2\x80\xa2"; /* bullet */
}

static void print_rows(FILE *out, const rv_summary *s)
{
    char count[RVI_UNIT_BYTES], bytes[RVI_UNIT_BYTES], time[RVI_UNIT_BYTES], rate[RVI_UNIT_BYTES];
    fprintf(out, "  rows         %s\n", rvi_text_count(count, s->rows));
    fprintf(out, "  files        %" PRId64 " (%s)\n", s->files, rvi_text_bytes(bytes, s->bytes));
    fprintf(out, "  duration     %s (%s rows)\n", rvi_text_duration(time, s->duration_ms),
            rvi_text_rate(rate, s->rows, s->duration_ms));
}

/* What did not pass is named here with its figures; the notes say it in words. */
static void print_quality(FILE *out, const rv_summary *s)
{
    char column[RV_NOTE_BYTES];
    int n_passed = s->n_quality_gates - s->n_quality_failed;
    fprintf(out, "  quality      %d of %d gates passed\n", n_passed, s->n_quality_gates);
    for (int i = 0; i < s->n_gates; i++) {
        const rv_gate_summary *gate = &s->gates[i];
        const char *of = gate->column[0] != '\0' ? " of " : "";
        (void)rvi_text_line(column, sizeof column, gate->column);
        if (gate->verdict == RV_QUALITY_NOT_PASSED)
            fprintf(out, "               %s%s%s: %.10g, limit %.10g\n", gate->key, of, column, gate->measured,
                    gate->limit);
        else if (gate->proof[0] != '\0')
            fprintf(out, "               %s%s%s: by %s\n", gate->key, of, column, gate->proof);
    }
}

static void print_effort(FILE *out, const rv_summary *s)
{
    char time[RVI_UNIT_BYTES], bytes[RVI_UNIT_BYTES], wire[RVI_UNIT_BYTES];
    fprintf(out, "  statements   %" PRId64 ", longest %s, %s from the source\n", s->pages,
            rvi_text_duration(time, s->longest_statement_ms), rvi_text_bytes(wire, s->wire_bytes));
    fprintf(out, "  peak RSS     %s\n", rvi_text_bytes(bytes, s->peak_rss_bytes));
    if (s->retries > 0)
        fprintf(out, "  retries      %" PRId64 "\n", s->retries);
    if (s->validate)
        fprintf(out,
                "  validated    %s (%" PRId64 " of %" PRId64 " files read back before they were published)\n",
                rv_summary_validated(s) ? "yes" : "no", s->n_validated, s->files);
    if (s->n_quality_gates > 0)
        print_quality(out, s);
    if (s->policy_uses > 0)
        fprintf(out, "  on_invalid   %" PRId64 " value%s changed by policy (see the manifest)\n",
                s->policy_uses, s->policy_uses == 1 ? "" : "s");
}

/* "  name         text", for texts that somebody else chose. */
static void print_text(FILE *out, const char *name, const char *text)
{
    char line[sizeof((rv_summary *)NULL)->dest_uri];
    fprintf(out, "  %-12s %s\n", name, rvi_text_line(line, sizeof line, text));
}

void rvi_card_print(FILE *out, const rv_summary *s)
{
    char relation[RV_NOTE_BYTES], source[RV_NOTE_BYTES];
    fprintf(out, "%s %s  %s%s\n", mark(s), s->export_name, rv_run_status_name(s->status),
            s->resumed ? " (resumed)" : "");
    if (s->run_id[0] != '\0')
        fprintf(out, "  run_id       %s\n", s->run_id);
    if (s->source[0] != '\0')
        fprintf(out, "  source       %s, %s\n", rvi_text_line(source, sizeof source, s->source),
                rvi_text_line(relation, sizeof relation, s->relation));
    if (s->strategy[0] != '\0')
        fprintf(out, "  strategy     %s: %s\n", s->strategy, s->reason);
    if (s->dest_uri[0] != '\0')
        fprintf(out, "  destination  %s (%s, %s)\n", s->dest_uri, s->format, s->compression);
    if (s->status == RV_RUN_SUCCEEDED || s->status == RV_RUN_SKIPPED)
        print_rows(out, s);
    if (s->pages > 0)
        print_effort(out, s);
    for (int i = 0; i < s->n_notes; i++)
        print_text(out, "note", s->notes[i]);
}

void rvi_card_line(FILE *out, const rv_summary *s)
{
    char rows[RVI_UNIT_BYTES], bytes[RVI_UNIT_BYTES], time[RVI_UNIT_BYTES];
    fprintf(out, "%s %-24s %14s rows %4" PRId64 " files %10s %10s  %s\n", mark(s), s->export_name,
            rvi_text_count(rows, s->rows), s->files, rvi_text_bytes(bytes, s->bytes),
            rvi_text_duration(time, s->duration_ms), rv_run_status_name(s->status));
}
