#!/usr/bin/env bash
# Measure rivet against the limit that PostgreSQL sets and write docs/benchmarks.md. Fails when a target is missed.
#
#   --big       also a table of 25 million rows: memory must not grow with the rows (5 GB of disk, some minutes more)
#   --modes     also modes, lanes and what the source feels (bench/modes.py)
#   --rivals    also other programs, from bench/rivals.txt
#   --mysql     MariaDB and MySQL 8.0 instead of PostgreSQL: scripts/bench-mysql.sh with the other options
#   --small     a fiftieth of the rows, to try the harness: its numbers mean nothing, so the report goes to build/bench
#   further options go to bench/run.py
#
# The server, its tables and everything exported live in temporary folders and in build/bench. RIVET_BUILD: another
# release build than build/release. PYTHON: another interpreter than build/venv's.
set -euo pipefail
cd "$(dirname "$0")/.."
for argument in "$@"; do
    if [ "$argument" = --mysql ]; then
        others=()
        for other in "$@"; do [ "$other" = --mysql ] || others+=("$other"); done
        exec scripts/bench-mysql.sh "${others[@]}"
    fi
done
root=$PWD
build=${RIVET_BUILD:-$root/build/release}
python=${PYTHON:-$root/build/venv/bin/python}
. scripts/throwaway-postgres.sh

big=
rivals=
fixtures=()
options=()
for argument in "$@"; do
    case $argument in
    --big) big=yes ;;
    --rivals) rivals=yes ;;
    --small)
        fixtures=(-v orders_rows=100000 -v items_rows=4000)
        options+=(--report build/bench/benchmarks.md)
        ;;
    *) options+=("$argument") ;;
    esac
done

trap postgres_stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

rm -rf build/bench
mkdir -p build/bench
ninja -C "$build" --quiet bench/copy_limit bench/encode_table

if [ -n "$rivals" ]; then
    "$python" -m pip install --quiet --disable-pip-version-check -r bench/rivals.txt ||
        echo "the other programs could not be installed; they are not measured" >&2
    options+=(--rivals)
fi

# Every statement and how long it took stands in the log. Nothing else differs from a fresh installation, but that the
# fixtures are loaded without a write-ahead log.
echo "starting PostgreSQL 15 and loading the fixtures (about a minute)"
postgres_start wal_level=minimal max_wal_senders=0 max_wal_size=4GB log_min_duration_statement=0 log_connections=on "log_line_prefix=%a:"
psql=("$POSTGRES_BIN/psql" -X -q -h 127.0.0.1 -p "$POSTGRES_PORT" -U postgres)
"${psql[@]}" -d postgres -c 'CREATE DATABASE bench'
"${psql[@]}" -d bench "${fixtures[@]}" -f bench/fixtures.sql
if [ -n "$big" ]; then
    "${psql[@]}" -d bench -f bench/fixtures-big.sql
    options+=(--big)
fi

"$python" bench/run.py --rivet "$build/src/cli/rivet" --copy-limit "$build/bench/copy_limit" \
    --encode-table "$build/bench/encode_table" --psql "$POSTGRES_BIN/psql" \
    --port "$POSTGRES_PORT" --server-log "$POSTGRES_LOG" --work build/bench "${options[@]}"
