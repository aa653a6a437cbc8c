#!/bin/bash
# bench/all.sh [NAME...] - measures Hearth beside its peers in one run and writes the table of docs/BENCHMARKS.md.
# NAME chooses: size download resolve info list upload xet clone.   HEARTH_BENCH_SMALL=1 shrinks the data tenfold.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/debian.sh
# shellcheck disable=SC2086
need $build_packages nginx-light wrk fcgiwrap git git-lfs openssl
build build-bench --buildtype=release -Db_lto=true
ninja -C build-bench bench/put_file
exec python3 bench/bench.py "$@"
