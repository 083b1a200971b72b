#!/usr/bin/env bash
# Measure rivet on MariaDB and MySQL 8.0; scripts/bench.sh --mysql runs this. Options as there: --rivals, --small, and
# what bench/mysql.py takes. The rows come from a PostgreSQL that bench/fixtures.sql has filled, so all hold the same.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
build=${RIVET_BUILD:-$root/build/release}
python=${PYTHON:-$root/build/venv/bin/python}
work=$root/build/bench-mysql
. scripts/throwaway-postgres.sh
. scripts/throwaway-mariadb.sh

orders_rows=5000000 items_rows=200000 narrow_rows=20000000
options=()
for argument in "$@"; do
    case $argument in
    --small)
        orders_rows=100000 items_rows=4000 narrow_rows=400000
        options+=(--report "$work/benchmarks.md")
        ;;
    --rivals)
        "$python" -m pip install --quiet --disable-pip-version-check -r bench/rivals.txt ||
            echo "connectorx could not be installed; it is not measured" >&2
        options+=(--rivals)
        ;;
    *) options+=("$argument") ;;
    esac
done

stop() {
    postgres_stop
    local name
    for name in "${!homes[@]}"; do
        mariadb_home=${homes[$name]} mariadb_pid=${pids[$name]} MARIADB_SOCKET=${homes[$name]}/socket
        mariadb_stop
    done
    homes=()
    mariadb_stop
}
declare -A homes=() pids=()
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

rm -rf "$work"
mkdir -p "$work"
ninja -C "$build" --quiet bench/page_limit

copy_of_orders="SELECT id, customer_id, product_id, sku, quantity, amount, created_at AT TIME ZONE 'UTC', updated_at,
    status, channel, city, note FROM orders ORDER BY id"
copy_of_content_items="SELECT id, public_id, author_id, category_id, title, slug, summary, body, raw_html, language,
    is_published::int, rating, score, price, views, attributes, history, published_on, created_at AT TIME ZONE 'UTC',
    updated_at FROM content_items ORDER BY id"
copy_of_narrow="SELECT i, i * 7919 % 1000003, 'label ' || i % 9973 FROM generate_series(1, $narrow_rows::bigint) i"

# PostgreSQL's COPY writes what LOAD DATA reads by default: tabs, \N, backslashes.
fill() {
    local table=$1 query=$2
    "${psql[@]}" -d bench -c "COPY ($query) TO STDOUT" |
        mariadb --no-defaults --socket="$MARIADB_SOCKET" --user=root --local-infile=1 bench -e "
            SET time_zone = '+00:00', unique_checks = 0, foreign_key_checks = 0;
            LOAD DATA LOCAL INFILE '/dev/stdin' INTO TABLE $table CHARACTER SET utf8mb4; ANALYZE TABLE $table" >/dev/null
}

# Nothing differs from a fresh installation but room for the tables, and that performance_schema records.
start_and_fill() {
    local name=$1
    echo "starting $name and loading the fixtures"
    mariadb_start --innodb-buffer-pool-size=1G --innodb-flush-log-at-trx-commit=0 --performance-schema=ON --local-infile=1 \
        --max-allowed-packet=64M
    homes[$name]=$mariadb_home pids[$name]=$mariadb_pid
    options+=(--server "$name,$MARIADB_SOCKET,$MARIADB_PORT")
    mariadb --no-defaults --socket="$MARIADB_SOCKET" --user=root <bench/fixtures-mysql.sql
    fill orders "$copy_of_orders"
    fill content_items "$copy_of_content_items"
    fill narrow "$copy_of_narrow"
    mariadb_home= mariadb_pid=
}

echo "starting PostgreSQL 15, where the rows come from"
postgres_start wal_level=minimal max_wal_senders=0 max_wal_size=4GB
psql=("$POSTGRES_BIN/psql" -X -q -h 127.0.0.1 -p "$POSTGRES_PORT" -U postgres)
"${psql[@]}" -d postgres -c 'CREATE DATABASE bench'
"${psql[@]}" -d bench -v orders_rows="$orders_rows" -v items_rows="$items_rows" -f bench/fixtures.sql
start_and_fill mariadb
if [ -x build/mysql/8.0/bin/mysqld ]; then
    MARIADB_FOLDER=$root/build/mysql/8.0 start_and_fill mysql80
else
    echo "build/mysql/8.0 is not there (scripts/install-deps.sh test fetches it): MySQL 8.0 is not measured" >&2
fi
postgres_stop

"$python" bench/mysql.py --rivet "$build/src/cli/rivet" --page-limit "$build/bench/page_limit" --work "$work" \
    "${options[@]}"
