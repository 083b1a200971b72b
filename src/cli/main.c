#include "cli.h"

#include "rivet/log.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What rv_log() makes at most: the redactor must see that a line fills its buffer, for it may have been cut in the
 * middle of a secret. */
enum { LOG_LINE_BYTES = 1024 };

static void log_line(void *context, rv_log_level level, const char *line)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    const rvi_cli *cli = context;
    char text[LOG_LINE_BYTES];
    (void)snprintf(text, sizeof text, "%s", line);
    rv_redact(cli->redactor, text, sizeof text);
    fprintf(stderr, "%s[%s] %s\n", cli->terminal ? RVI_CLEAR_LINE : "", names[level], text);
}

static rv_log_level chosen_level(const rvi_args *args)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    const char *name = args->log_level != NULL ? args->log_level : getenv("RIVET_LOG");
    for (int i = 0; name != NULL && i < 4; i++)
        if (strcmp(names[i], name) == 0)
            return (rv_log_level)i;
    return RV_LOG_WARN;
}

/* Large blocks go straight to and from the kernel, and threads share two heaps: what a run frees really shrinks the
 * process (mallopt(3)), which the memory promise counts on. */
static void tune_allocator(void)
{
    enum { MMAP_FROM_BYTES = 4 << 20, ARENAS = 2 };
    (void)mallopt(M_MMAP_THRESHOLD, MMAP_FROM_BYTES);
    (void)mallopt(M_TRIM_THRESHOLD, MMAP_FROM_BYTES);
    (void)mallopt(M_ARENA_MAX, ARENAS);
}

/* With 0, 1 or 2 closed, the next file opened would take its number, and what is printed would land in that file. The
 * stand-ins are opened the wrong way round, so that reading or writing them fails instead of succeeding silently. */
static bool standard_streams_are_open(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) == -1 && errno == EBADF &&
            open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
            return false;
    return true;
}

static int exit_status(const rvi_cli *cli, rv_code rc)
{
    int number = cli->signals != NULL ? rv_signals_received(cli->signals) : 0;
    if (number != 0 && rc == RV_E_CANCELLED)
        return 128 + number;
    return (int)rv_code_exit(rc);
}

static bool reader_went_away(void)
{
    struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&out, 1, 0) == 1 && (out.revents & (POLLERR | POLLHUP)) != 0;
}

/* A result that could not be written was not delivered; but somebody who stops reading has seen enough. */
static bool output_is_delivered(const rvi_cli *cli)
{
    if ((fflush(stdout) == 0 && ferror(stdout) == 0) || reader_went_away())
        return true;
    rv_error err = {0};
    rv_fail(&err, RV_E_IO, "the standard output cannot be written");
    if (!cli->reported)
        rvi_render_error(cli, &err);
    return false;
}

static rv_code run_command(rvi_cli *cli, const rvi_args *args, rv_error *err)
{
    RV_TRY(rv_redactor_new(&cli->redactor, err));
    RV_TRY(rv_cancel_new(&cli->cancel, err));
    cli->terminal = rvi_stderr_is_terminal();
    rv_log_install(log_line, cli, chosen_level(args));
    return args->command->run(cli, args, err);
}

static bool answered_by_help(const rvi_args *args)
{
    if (args->version)
        printf("rivet %s\n", RIVET_VERSION);
    else if (args->help && args->command != NULL)
        rvi_help_command(stdout, args->command);
    else if (args->help)
        rvi_help_program(stdout);
    return args->version || args->help;
}

int main(int argc, char **argv)
{
    rvi_args args = {0};
    rvi_cli cli = {0};
    rv_error err = {0};
    if (!standard_streams_are_open())
        return RV_EXIT_FAILED;
    tune_allocator();
    rv_code rc = rvi_options_parse(argc, argv, &args, &err);
    cli.json_errors = args.json_errors;
    if (rc == RV_OK && answered_by_help(&args))
        return output_is_delivered(&cli) ? RV_EXIT_OK : RV_EXIT_FAILED;
    if (rc == RV_OK)
        rc = run_command(&cli, &args, &err);
    if (rc != RV_OK && !cli.reported && rv_code_exit(rc) != RV_EXIT_OK)
        rvi_render_error(&cli, &err);
    int status = exit_status(&cli, rc);
    if (!output_is_delivered(&cli) && status == RV_EXIT_OK)
        status = RV_EXIT_FAILED;
    rv_signals_stop(cli.signals);
    rv_log_install(NULL, NULL, RV_LOG_ERROR);
    rv_cancel_free(cli.cancel);
    rv_redactor_free(cli.redactor);
    return status;
}
