/* env.c - ${VAR} in scalars, after parsing: a value can never become YAML.
 *
 * `${NAME}` is replaced by the parameter or environment variable NAME, `$${` stands for a literal `${`, any
 * other `$` for itself. What was put in is not looked at again. */
#include "config/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *rvi_env_get(const rvi_env *env, const char *name)
{
    return env->input->getenv ? env->input->getenv(name) : getenv(name);
}

/* The parameters' value, the last one given counting, or the environment's; NULL: unset. */
static const char *lookup(rvi_env *env, const char *name, size_t len)
{
    char copy[RVI_PATH_BYTES];
    const char *value = NULL;
    if (len >= sizeof copy)
        return NULL;
    memcpy(copy, name, len);
    copy[len] = '\0';
    for (int i = 0; i < env->input->n_params; i++) {
        if (strcmp(env->input->params[i].name, copy) != 0)
            continue;
        value = env->input->params[i].value;
        env->param_used[i] = true;
    }
    return value ? value : rvi_env_get(env, copy);
}

/* One run through a text. With `out` NULL it measures and reports; with `out` it writes what was measured. */
typedef struct expansion {
    rvi_env *env;
    rvi_node *node;
    const char *what;
    const char *text;
    size_t text_len, max_bytes;
    char *out;
    size_t len; /* bytes so far */
    bool changed;
    int n_problems;
} expansion;

/* Enough to see the pattern; more would only cost time on a hostile file. */
enum { MAX_PROBLEMS = 8 };

static void emit(expansion *x, const char *bytes, size_t len)
{
    if (x->len > x->max_bytes || len > x->max_bytes - x->len) {
        if (!x->out)
            rvi_problem(x->env->report, x->node, RV_E_CONFIG_VALUE, "%sis longer than %zu bytes", x->what,
                        x->max_bytes);
        x->n_problems = MAX_PROBLEMS;
        return;
    }
    if (x->out)
        memcpy(x->out + x->len, bytes, len);
    x->len += len;
}

/* Where in a text of several lines, for a message: "line 3: " or "". */
static const char *line_prefix(const expansion *x, size_t at, char out[32])
{
    int line = 1;
    for (size_t i = 0; i < at; i++)
        line += x->text[i] == '\n';
    out[0] = '\0';
    if (memchr(x->text, '\n', x->text_len))
        (void)snprintf(out, 32, "line %d: ", line);
    return out;
}

static bool is_identifier(const char *name, size_t len)
{
    static const char word[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.";
    for (size_t i = 0; i < len; i++)
        if (!name[i] || !strchr(word, name[i]))
            return false;
    return len > 0 && len < 128;
}

/* In a secret, what stands between braces may be part of the secret; it is named only when the whole value
 * is one variable. */
static bool may_name(const expansion *x, const char *name, size_t len)
{
    return is_identifier(name, len) && (x->node->shown || x->text_len == len + strlen("${}"));
}

static void report_unset(expansion *x, const char *name, size_t len)
{
    char where[32];
    const char *prefix = line_prefix(x, (size_t)(name - x->text), where);
    x->n_problems++;
    if (may_name(x, name, len))
        rvi_problem(x->env->report, x->node, RV_E_CONFIG_UNSET_VARIABLE,
                    "%s%svariable '%.*s' is not set, neither by --param nor in the environment", x->what,
                    prefix, (int)len, name);
    else
        rvi_problem(x->env->report, x->node, RV_E_CONFIG_UNSET_VARIABLE,
                    "%s%sa variable used here is not set (${NAME} takes a name alone; $${ is a literal ${)",
                    x->what, prefix);
}

/* `at` is the index of "${". Returns the index after the closing brace. */
static size_t expand_variable(expansion *x, size_t at)
{
    const char *name = x->text + at + 2;
    const char *end = memchr(name, '}', x->text_len - at - 2);
    if (!end) {
        char where[32];
        rvi_problem(x->env->report, x->node, RV_E_CONFIG_VALUE,
                    "%s%s'${' without a closing '}' (write $${ for a literal ${)", x->what,
                    line_prefix(x, at, where));
        x->n_problems++;
        return x->text_len;
    }
    size_t len = (size_t)(end - name);
    const char *value = len > 0 ? lookup(x->env, name, len) : NULL;
    x->changed = true;
    if (value)
        emit(x, value, strlen(value));
    else if (!x->out)
        report_unset(x, name, len);
    return (size_t)(end - x->text) + 1;
}

static void run(expansion *x)
{
    size_t at = 0;
    while (at < x->text_len && x->n_problems < MAX_PROBLEMS) {
        const char *dollar = memchr(x->text + at, '$', x->text_len - at);
        size_t stop = dollar ? (size_t)(dollar - x->text) : x->text_len;
        size_t left = x->text_len - stop;
        emit(x, x->text + at, stop - at);
        at = stop;
        if (left >= 3 && memcmp(dollar, "$${", 3) == 0) {
            emit(x, "${", 2);
            at += 3;
        } else if (left >= 2 && memcmp(dollar, "${", 2) == 0) {
            at = expand_variable(x, at);
        } else if (left > 0) {
            emit(x, "$", 1);
            at++;
        }
    }
}

char *rvi_expand(rvi_env *env, rvi_node *node, const char *what, const char *text, size_t len,
                 size_t max_bytes, size_t *out_len, bool *changed)
{
    expansion x = {
        .env = env, .node = node, .what = what, .text = text, .text_len = len, .max_bytes = max_bytes};
    run(&x);
    if (x.n_problems > 0)
        return NULL;
    char *out = rv_arena_alloc(env->arena, x.len + 1, 1);
    if (!out) {
        env->report->out_of_memory = true;
        return NULL;
    }
    *out_len = x.len;
    *changed = x.changed;
    x.out = out;
    x.max_bytes = x.len; /* what was measured, should a variable have grown meanwhile */
    x.len = 0;
    run(&x);
    return out;
}

static void expand_scalar(rvi_env *env, rvi_node *node)
{
    size_t len = 0;
    bool changed = false;
    if (!memchr(node->raw, '$', node->raw_len))
        return;
    char *text = rvi_expand(env, node, "", node->raw, node->raw_len, RVI_EXPANDED_MAX_BYTES, &len, &changed);
    if (!text)
        return;
    node->text = text;
    node->len = len;
    node->expanded = changed;
}

void rvi_expand_tree(rvi_env *env, rvi_node *node)
{
    if (node->kind == RVI_NODE_SCALAR)
        expand_scalar(env, node);
    for (int i = 0; i < node->n_items; i++)
        rvi_expand_tree(env, node->items[i]);
}

void rvi_report_unused_params(rvi_env *env)
{
    for (int i = 0; i < env->input->n_params; i++)
        if (!env->param_used[i])
            rvi_warning(env->report, NULL, "--param", RV_E_CONFIG_VALUE,
                        "parameter '%.128s' is not used by the configuration", env->input->params[i].name);
}
