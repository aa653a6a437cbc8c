#!/bin/bash
# bench/http_peer.sh [BUILD] - src/http beside nginx in one run: small answers and large files.  Prints a table.
# Both use as many event threads as there are processors, no access log, keep-alive, sendfile; wrk shares the machine.
# Each figure is the best of three short runs, ours and nginx's in turn.   SECONDS_EACH=2  FILE_MIB=1024
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-build-bench}
[ -d "$build" ] || meson setup "$build" --buildtype=release -Db_lto=true >/dev/null
ninja -C "$build" bench/http_peer >/dev/null
seconds=${SECONDS_EACH:-2} mib=${FILE_MIB:-1024}
work=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT

head -c 4096 /dev/zero | tr '\0' x >"$work/4k"
head -c 65536 /dev/zero | tr '\0' x >"$work/64k"
truncate -s "${mib}M" "$work/big" && dd if=/dev/urandom of="$work/big" bs=1M count="$mib" conv=notrunc status=none

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
port=$(free_port)
cat >"$work/nginx.conf" <<CONF
daemon off; pid $work/pid; error_log $work/error.log; worker_processes $(nproc);
events { worker_connections 1024; }
http {
    access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000; default_type application/octet-stream;
    client_body_temp_path $work/b; proxy_temp_path $work/p; fastcgi_temp_path $work/f;
    uwsgi_temp_path $work/u; scgi_temp_path $work/s;
    server { listen 127.0.0.1:$port; root $work; 
        set \$k "$(head -c 1024 "$work/4k")";
        location = /memory { return 200 "\$k\$k\$k\$k"; } }
}
CONF
[ "$(id -u)" = 0 ] && sed -i '1s/^/user root; /' "$work/nginx.conf"
nginx -c "$work/nginx.conf" -e "$work/error.log" & pids+=($!)
exec 3< <("$build/bench/http_peer" 0 "$work" & echo $! >"$work/ours"; wait)
read -r ours <&3
pids+=("$(cat "$work/ours")")
sleep 0.3

per_second() { wrk -t2 -c"$1" -d"${seconds}s" "$2" | awk '/Requests\/sec/ { print $2 }'; }
mib_per_second() {
    wrk -t"$(($1 > 1 ? 2 : 1))" -c"$1" -d"${seconds}s" --timeout 60s "$2" |
        awk '/Transfer\/sec/ { v = $2 + 0; print v * ($2 ~ /GB/ ? 1024 : $2 ~ /KB/ ? 1 / 1024 : 1) }'
}
best() { sort -g | tail -1; }
compare() { # label, unit, command with URL last: ours, then theirs
    local label=$1 unit=$2 mine=$3 theirs=$4; shift 4
    local a=() b=()
    for _ in 1 2 3; do
        a+=("$("$@" "http://127.0.0.1:$ours$mine")")
        b+=("$("$@" "http://127.0.0.1:$port$theirs")")
    done
    local x y
    x=$(printf '%s\n' "${a[@]}" | best) y=$(printf '%s\n' "${b[@]}" | best)
    printf '| %-42s | %10s | %10s | %-10s | %5s |\n' "$label" "$x" "$y" "$unit" \
        "$(awk -v x="$x" -v y="$y" 'BEGIN { printf "%.2f", x / y }')"
}

printf '| %-42s | %10s | %10s | %-10s | %5s |\n' what ours nginx unit ratio
printf '|%s|%s|%s|%s|%s|\n' "$(printf -- '-%.0s' {1..44})" "$(printf -- '-%.0s' {1..12})" "$(printf -- '-%.0s' {1..12})" \
    "$(printf -- '-%.0s' {1..12})" "$(printf -- '-%.0s' {1..7})"
compare '4 KiB from memory, inline, 64 connections' requests/s /inline /memory per_second 64
compare '4 KiB from memory, on a worker' requests/s /worker /memory per_second 64
compare '4 KiB file, inline' requests/s /inline/4k /4k per_second 64
compare '4 KiB file, on a worker' requests/s /file/4k /4k per_second 64
compare '64 KiB file, on a worker' requests/s /file/64k /64k per_second 64
compare "$mib MiB file, 1 connection" MiB/s /file/big /big mib_per_second 1
compare "$mib MiB file, 32 connections" MiB/s /file/big /big mib_per_second 32
