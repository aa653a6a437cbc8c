#!/bin/bash
# bench/all.sh [NAME...] - measures Hearth beside its peers and writes the table of docs/BENCHMARKS.md, section by section.
# NAME chooses: size download resolve info list upload hash xet clone; without one, those that were not measured today.   HEARTH_BENCH_SMALL=1 shrinks the data tenfold.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/debian.sh
# shellcheck disable=SC2086
need $build_packages nginx-light wrk fcgiwrap git git-lfs openssl
build build-bench --buildtype=release -Db_lto=true
ninja -C build-bench bench/put_file tests/unit/xet_hash_tool
exec python3 bench/bench.py "$@"
