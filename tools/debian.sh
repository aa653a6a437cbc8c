# shellcheck shell=bash
# tools/debian.sh - sourced by ./run and ./test: says what happens, and installs Debian packages that are missing.

if [ -t 1 ]; then bold=$'\033[1m' plain=$'\033[0m'; else bold="" plain=""; fi
say()  { printf '%s==>%s %s\n' "$bold" "$plain" "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

# What the build needs; the README says what each library is for.
build_packages="gcc libc6-dev pkg-config meson ninja-build python3 libmicrohttpd-dev libcurl4-openssl-dev libgit2-dev libsqlite3-dev
libsodium-dev libyaml-dev libssl-dev zlib1g-dev liblz4-dev libzstd-dev libbrotli-dev libutf8proc-dev libpcre2-dev libqrencode-dev libseccomp-dev libcmark-gfm-dev
libcmark-gfm-extensions-dev libgumbo-dev git curl ca-certificates bubblewrap python3-venv"

# missing PACKAGE... prints those that are not installed.
missing() {
    local p
    for p in "$@"; do
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || printf '%s ' "$p"
    done
}

# need PACKAGE... installs what is missing.  Asks for sudo only when something is missing and we are not root.
need() {
    command -v dpkg-query >/dev/null || {
        say "not a Debian or Ubuntu machine: please see to it yourself that these are there: $*"
        return 0
    }
    local todo as_root=""
    todo=$(missing "$@")
    [ -z "$todo" ] && return 0
    if [ "$(id -u)" != 0 ]; then
        command -v sudo >/dev/null || fail "please install as root, then start again: apt-get install $todo"
        as_root=sudo
        say "sudo is needed to install: $todo"
    else
        say "installing: $todo"
    fi
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086
    $as_root apt-get install -y -q --no-install-recommends $todo >/tmp/hearth-apt.$$ 2>&1 ||
        { $as_root apt-get update -q >>/tmp/hearth-apt.$$ 2>&1 &&
          $as_root apt-get install -y -q --no-install-recommends $todo >>/tmp/hearth-apt.$$ 2>&1; } || {
        tail -15 /tmp/hearth-apt.$$ >&2
        fail "apt-get could not install: $todo (all of its words are in /tmp/hearth-apt.$$)"
    }
    rm -f /tmp/hearth-apt.$$
}

# build DIR TARGET [meson options...] configures at the first time and builds TARGET (all: everything); quiet unless something is wrong.
build() {
    local dir=$1 target=$2 log
    shift 2
    log=$(mktemp)
    if [ ! -f "$dir/build.ninja" ]; then
        meson setup "$dir" "$@" >"$log" 2>&1 || { tail -25 "$log" >&2; rm -f "$log"; fail "meson setup $dir failed"; }
    fi
    ninja -C "$dir" "$target" >"$log" 2>&1 || { grep -E 'error|FAILED|undefined' -A3 "$log" | head -60 >&2; rm -f "$log"; fail "building $dir failed"; }
    if grep -q 'warning:' "$log" && [ "${CI:-}" = true ]; then
        grep 'warning:' "$log" | head >&2
        rm -f "$log"
        fail "warnings are errors in CI"
    fi
    rm -f "$log"
}

# arm64_root PACKAGE... makes the libraries of a 64-bit ARM machine in .cache/arm64, and prints the name of Meson's cross file for it.
arm64_root() {
    local root=$PWD/.cache/arm64/root file=$PWD/.cache/arm64/cross.ini include
    # shellcheck disable=SC2086
    printf -v include '%s,' $(printf '%s\n' $build_packages "$@" | grep -E '^(libc6|zlib1g|lib.*)-dev$')
    if [ ! -f "$file" ]; then
        rm -rf "$root"; mkdir -p "$root"
        mmdebstrap --quiet --variant=extract --architectures=arm64 --include="${include%,}" "$(. /etc/os-release; echo "$VERSION_CODENAME")" "$root" >&2 || return 1
        cat >"$file" <<END
[binaries]
c = [$(command -v ccache >/dev/null && echo "'ccache', ")'aarch64-linux-gnu-gcc', '--sysroot=$root']
ar = 'aarch64-linux-gnu-ar'
strip = 'aarch64-linux-gnu-strip'
pkgconfig = 'pkg-config'
exe_wrapper = ['qemu-aarch64', '-L', '$root']
[properties]
sys_root = '$root'
pkg_config_libdir = ['$root/usr/lib/aarch64-linux-gnu/pkgconfig', '$root/usr/share/pkgconfig']
[host_machine]
system = 'linux'
cpu_family = 'aarch64'
cpu = 'armv8-a'
endian = 'little'
END
    fi
    echo "$file"
}
