# A PostgreSQL 15 of our own for the time of one script. Sourced by demo.sh and bench.sh, not run.
#
#   postgres_start [option…]   starts a server with these further `-c` options; sets POSTGRES_PORT, POSTGRES_LOG
#   postgres_stop              stops it and removes everything it left; safe to call twice and from an EXIT trap
#
# The server listens on 127.0.0.1 only, on a port that was free, and lives in a temporary folder. PostgreSQL refuses to
# run as root, so root starts it as the system user rivet-demo, which is made for that and removed afterwards.

POSTGRES_BIN=/usr/lib/postgresql/15/bin
postgres_home=
postgres_user_made=

as_postgres() {
    if [ "$(id -u)" -eq 0 ]; then
        (cd / && runuser -u rivet-demo -- "$@")
    else
        (cd / && "$@")
    fi
}

postgres_make_user() {
    [ "$(id -u)" -eq 0 ] || return 0
    id rivet-demo >/dev/null 2>&1 && return 0
    useradd --system --no-create-home --shell /usr/sbin/nologin rivet-demo
    postgres_user_made=yes
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# Between asking for a free port and using it somebody else may take it, so a few are tried.
postgres_start() {
    local option options=()
    for option in "$@"; do options+=(-c "$option"); done
    postgres_make_user
    postgres_home=$(mktemp -d "${TMPDIR:-/tmp}/rivet-postgres.XXXXXX")
    [ "$(id -u)" -ne 0 ] || chown rivet-demo "$postgres_home"
    POSTGRES_LOG=$postgres_home/log
    as_postgres "$POSTGRES_BIN/initdb" -D "$postgres_home/data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 \
        --no-sync >/dev/null
    for _ in 1 2 3; do
        POSTGRES_PORT=$(free_port)
        if as_postgres "$POSTGRES_BIN/pg_ctl" -D "$postgres_home/data" -w -s -l "$POSTGRES_LOG" \
            -o "-p $POSTGRES_PORT -k $postgres_home -c listen_addresses=127.0.0.1 -c fsync=off ${options[*]}" start; then
            return 0
        fi
    done
    cat "$POSTGRES_LOG" >&2
    return 1
}

postgres_stop() {
    [ -n "$postgres_home" ] || return 0
    if [ -e "$postgres_home/data/postmaster.pid" ]; then
        as_postgres "$POSTGRES_BIN/pg_ctl" -D "$postgres_home/data" -m immediate -s stop || true
    fi
    rm -rf "$postgres_home"
    postgres_home=
    # Another script may be using the user by now; then it stays.
    [ -z "$postgres_user_made" ] || userdel rivet-demo 2>/dev/null || true
    postgres_user_made=
}
