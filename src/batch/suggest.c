/* suggest.c - "did you mean": the candidate that a mistyped word was probably meant to be. */
#include "rivet/schema.h"

#include <string.h>

enum {
    WORD_BYTES_MAX = 128, /* longer words are not typing mistakes; bounds the table below */
    SUBSTRING_BYTES_MIN = 3,
};

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

static char folded(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* Levenshtein distance over bytes, one row of the table at a time; the case of ASCII letters does not count, for names
 * are taken exactly and are misspelled in it most of all. Both lengths are at most WORD_BYTES_MAX. */
static size_t edit_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t row[WORD_BYTES_MAX + 1];
    for (size_t j = 0; j <= b_len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t above = row[j];
            row[j] = min3(above + 1, row[j - 1] + 1, diagonal + (folded(a[i - 1]) != folded(b[j - 1])));
            diagonal = above;
        }
    }
    return row[b_len];
}

static bool contains_either(const char *a, size_t a_len, const char *b, size_t b_len)
{
    if (a_len < SUBSTRING_BYTES_MIN || b_len < SUBSTRING_BYTES_MIN)
        return false;
    return strstr(a, b) != NULL || strstr(b, a) != NULL;
}

const char *rv_did_you_mean(const char *word, const char *const *candidates, size_t n)
{
    size_t len = strlen(word), best = len / 3 < 2 ? 2 : len / 3;
    const char *nearest = NULL, *similar = NULL;
    if (len == 0 || len > WORD_BYTES_MAX)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        size_t candidate_len = strlen(candidates[i]);
        if (candidate_len == 0 || candidate_len > WORD_BYTES_MAX)
            continue;
        size_t distance = edit_distance(word, len, candidates[i], candidate_len);
        if (distance < best || (distance == best && nearest == NULL)) {
            best = distance;
            nearest = candidates[i];
        }
        if (similar == NULL && contains_either(word, len, candidates[i], candidate_len))
            similar = candidates[i];
    }
    return nearest != NULL ? nearest : similar;
}
