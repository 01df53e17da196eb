#!/bin/sh
# Sets the project up on a fresh machine: uv in .tools/, packages in .venv/ as uv.lock names them, dbus-daemon for
# the emulated Bluetooth radio and softhsm2 for token tests (Debian packages: they have no project-local form). Needs Python 3.11 to 3.13 and make.
set -eu
cd "$(dirname "$0")/.."
UV_VERSION=0.13.9
UV=.tools/uv/bin/uv

say() { printf '%s\n' "set-up: $*" >&2; }

debian() { # package, what for
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        say "installing the Debian package $1 ($2)"
        { apt-get install -y -qq --no-install-recommends "$1" || {
            apt-get update -qq && apt-get install -y -qq --no-install-recommends "$1"
        }; } >/dev/null
    else
        say "$2 needs the Debian package $1: apt-get install $1"
        return 1
    fi
}

PYTHON=${PYTHON:-python3}
command -v "$PYTHON" >/dev/null 2>&1 || { say "no $PYTHON here: install Python 3.11, 3.12 or 3.13"; exit 1; }
"$PYTHON" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' ||
    { say "$("$PYTHON" --version) will not do: Python 3.11, 3.12 or 3.13 (PYTHON=python3.12 make ...)"; exit 1; }

if [ ! -x "$UV" ]; then
    say "uv $UV_VERSION into .tools/uv"
    "$PYTHON" -c 'import ensurepip' 2>/dev/null || debian python3-venv "a virtual environment"
    "$PYTHON" -m venv .tools/uv
    .tools/uv/bin/pip install -q --disable-pip-version-check "uv==$UV_VERSION"
fi

command -v dbus-daemon >/dev/null 2>&1 || debian dbus-daemon "the emulated Bluetooth radio" || true

command -v softhsm2-util >/dev/null 2>&1 || debian softhsm2 "the software token that stands for a hardware one in tests" || true

say "packages into .venv (as uv.lock names them)"
UV_PYTHON_DOWNLOADS=never "$UV" sync --quiet --frozen --python "$("$PYTHON" -c 'import sys; print(sys.executable)')"
touch .venv/.ready
