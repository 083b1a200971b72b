# A MariaDB of our own for the time of one script. Sourced by demo.sh and bench.sh, not run.
#
#   mariadb_start [--option…]  starts a server with these further options; sets MARIADB_PORT, MARIADB_LOG, MARIADB_SOCKET
#   mariadb_stop               stops it and removes everything it left; safe to call twice and from an EXIT trap
#
# MARIADB_FOLDER: another installation, of MySQL, than Debian's MariaDB. The server listens on 127.0.0.1 only, on a port
# that was free, and lives in a temporary folder; its `root` comes in over the socket without a password. Root itself
# starts it as the system user rivet-demo-db, which is made for that and removed afterwards.

mariadb_home=
mariadb_pid=
mariadb_user_made=

as_mariadb() {
    if [ "$(id -u)" -eq 0 ]; then
        (cd / && exec runuser -u rivet-demo-db -- "$@")
    else
        (cd / && exec "$@")
    fi
}

mariadb_make_user() {
    [ "$(id -u)" -eq 0 ] || return 0
    id rivet-demo-db >/dev/null 2>&1 && return 0
    useradd --system --no-create-home --shell /usr/sbin/nologin rivet-demo-db
    mariadb_user_made=yes
}

mariadb_free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

mariadb_make_data() {
    if [ -n "${MARIADB_FOLDER:-}" ]; then
        as_mariadb "$MARIADB_FOLDER/bin/mysqld" --no-defaults --basedir="$MARIADB_FOLDER" \
            --datadir="$mariadb_home/data" --initialize-insecure >>"$MARIADB_LOG" 2>&1
    else
        as_mariadb mariadb-install-db --no-defaults --datadir="$mariadb_home/data" \
            --auth-root-authentication-method=normal --skip-test-db >>"$MARIADB_LOG" 2>&1
    fi
}

mariadb_answers() {
    mariadb-admin --no-defaults --socket="$MARIADB_SOCKET" --user=root ping >/dev/null 2>&1
}

# Between asking for a free port and using it somebody else may take it, so a few are tried.
mariadb_start() {
    local program=${MARIADB_FOLDER:+$MARIADB_FOLDER/bin/mysqld}
    mariadb_make_user
    mariadb_home=$(mktemp -d "${TMPDIR:-/tmp}/rivet-mariadb.XXXXXX")
    [ "$(id -u)" -ne 0 ] || chown rivet-demo-db "$mariadb_home"
    chmod 755 "$mariadb_home"
    MARIADB_LOG=$mariadb_home/log
    MARIADB_SOCKET=$mariadb_home/socket
    as_mariadb touch "$MARIADB_LOG"
    mariadb_make_data
    for _ in 1 2 3; do
        MARIADB_PORT=$(mariadb_free_port)
        as_mariadb "${program:-/usr/sbin/mariadbd}" --no-defaults \
            ${MARIADB_FOLDER:+--basedir="$MARIADB_FOLDER" --mysqlx=OFF} --datadir="$mariadb_home/data" --socket="$MARIADB_SOCKET" \
            --pid-file="$mariadb_home/pid" --tmpdir="$mariadb_home" --port="$MARIADB_PORT" --bind-address=127.0.0.1 --skip-name-resolve \
            "$@" >>"$MARIADB_LOG" 2>&1 &
        mariadb_pid=$!
        while kill -0 "$mariadb_pid" 2>/dev/null; do
            mariadb_answers && return 0
            sleep 0.1
        done
    done
    cat "$MARIADB_LOG" >&2
    return 1
}

mariadb_stop() {
    [ -n "$mariadb_home" ] || return 0
    if [ -n "$mariadb_pid" ]; then
        # The server itself: what we started as root is runuser, which need not hand a signal on.
        kill "$(cat "$mariadb_home/pid" 2>/dev/null || echo "$mariadb_pid")" 2>/dev/null || true
        wait "$mariadb_pid" 2>/dev/null || true
        mariadb_pid=
    fi
    rm -rf "$mariadb_home"
    mariadb_home=
    # While another server runs as the user it stays: the last one to stop removes it.
    if [ -n "$mariadb_user_made" ] && userdel rivet-demo-db 2>/dev/null; then mariadb_user_made=; fi
}
