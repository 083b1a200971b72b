#!/usr/bin/env bash
# Export a small shop from a throw-away PostgreSQL, or with SOURCE=mysql from a MariaDB, and read it with DuckDB. Leaves
# its output in build/demo. RIVET, PYTHON: other binaries than those in build.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
rivet=${RIVET:-$root/build/release/src/cli/rivet}
python=${PYTHON:-$root/build/venv/bin/python}
source=${SOURCE:-postgres}
. scripts/throwaway-postgres.sh
. scripts/throwaway-mariadb.sh

stop() {
    postgres_stop
    mariadb_stop
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

say() {
    if [ -t 1 ]; then printf '\n\033[1m%s\033[0m\n' "$*"; else printf '\n== %s\n' "$*"; fi
}

shop_in_postgres() {
    say "Starting a throw-away PostgreSQL 15 and filling a shop of one million rows"
    postgres_start
    local psql=("$POSTGRES_BIN/psql" -X -q -h 127.0.0.1 -p "$POSTGRES_PORT" -U postgres)
    "${psql[@]}" -d postgres -c 'CREATE DATABASE shop'
    "${psql[@]}" -d shop -f scripts/demo.sql
    DATABASE_URL="postgresql://exporter@127.0.0.1:$POSTGRES_PORT/shop"
}

shop_in_mysql() {
    say "Starting a throw-away MariaDB and filling a shop of one million rows"
    mariadb_start --innodb-flush-log-at-trx-commit=0
    mariadb --no-defaults --socket="$MARIADB_SOCKET" --user=root --default-character-set=utf8mb4 <scripts/demo-mysql.sql \
        >/dev/null
    DATABASE_URL="mysql://exporter@127.0.0.1:$MARIADB_PORT/shop"
}

case $source in
postgres | mysql) "shop_in_$source" ;;
*)
    echo "SOURCE is '$source'; it can be postgres or mysql" >&2
    exit 2
    ;;
esac
echo "$DATABASE_URL: user exporter, who may SELECT and nothing else"

rm -rf build/demo
mkdir -p build/demo
cd build/demo
export DATABASE_URL

say "rivet init --source-env DATABASE_URL -o rivet.yaml"
"$rivet" init --source-env DATABASE_URL -o rivet.yaml
sed -n 1,15p rivet.yaml

say "rivet doctor -c rivet.yaml"
"$rivet" doctor -c rivet.yaml

say "rivet run -c rivet.yaml"
"$rivet" run -c rivet.yaml

say "The files, in build/demo/out"
find out -type f -printf '%10s  %p\n' | sort -k2

"$python" "$root/scripts/demo-read.py" out
