#!/bin/sh
# Builds the IPFS daemon Kubo into .tools/kubo/ipfs, from its source module. Needs Go 1.21 or newer, which fetches the Go
# release that this Kubo is built with; every module is checked against go.sum and the checksum database. Without Go it
# says so and ends with 0: the embedded block store needs no Kubo. Three to six minutes the first time, then nothing.
set -eu
cd "$(dirname "$0")/.."
KUBO=0.39.0
SUM=h1:QA9tjxjZFfffZDUnJqbFHCaapxkzEBD2nC5YmYDIkEU=
TOOLCHAIN=go1.25.5
MINOR=21
TARGET=.tools/kubo/ipfs
LOG=.build/kubo.log

say() { printf '%s\n' "set-up: Kubo $KUBO: $*" >&2; }
leave() { say "not run: $*"; exit 0; }

[ ! -x "$TARGET" ] || [ "$("$TARGET" version --number 2>/dev/null)" != "$KUBO" ] || exit 0

export GOFLAGS=-buildvcs=false GOTOOLCHAIN="$TOOLCHAIN" GOWORK=off CGO_ENABLED=0
for GO in "${GO:-go}" /usr/local/go/bin/go /usr/lib/go/bin/go ""; do
    [ -n "$GO" ] || leave "there is no Go here; the tests against real daemons are skipped"
    command -v "$GO" >/dev/null 2>&1 && break
done
found=$(GOTOOLCHAIN=local "$GO" env GOVERSION | sed 's/^go1\.\([0-9]*\).*/\1/')
[ "$found" -ge "$MINOR" ] 2>/dev/null || leave "Go 1.$found is here; 1.$MINOR or newer is needed"
[ "$(GOTOOLCHAIN=local "$GO" env GOSUMDB)" != off ] || leave "GOSUMDB=off: nothing could be checked"

mkdir -p .build .tools/kubo
work=$(mktemp -d .build/kubo.XXXXXX)
trap 'chmod -R u+w "$work" 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

say "fetching the source module"
(cd "$work" && "$GO" mod download -json "github.com/ipfs/kubo@v$KUBO") >"$work/module.json" 2>"$LOG" ||
    leave "its source cannot be fetched ($(tail -n 1 "$LOG"))"
field() { sed -n "s/^[[:space:]]*\"$1\": \"\(.*\)\",*$/\1/p" "$work/module.json"; }
[ "$(field Sum)" = "$SUM" ] || { say "the source is not the one expected ($(field Sum))"; exit 1; }
cp -R "$(field Dir)" "$work/source"
chmod -R u+w "$work/source"

say "building with $TOOLCHAIN (three to six minutes; log in $LOG)"
{
    (cd "$work/source" && "$GO" build -v -trimpath -o ../ipfs ./cmd/ipfs) 2>&1 || echo "the build failed"
} | tee "$LOG" | awk '++n % 250 == 0 { print "set-up: Kubo: " n " packages built" > "/dev/stderr" }'
[ -x "$work/ipfs" ] || { say "not built:"; tail -n 5 "$LOG" >&2; exit 1; }
mv "$work/ipfs" "$TARGET"
say "ready in $TARGET"
