#!/bin/sh
# All tests on two cores, with the line coverage of every room; contracts apart, for their own coverage plugin.
# Arguments go to pytest: scripts/test.sh tests/vault -k erasure
set -eu
cd "$(dirname "$0")/.."
export ETH_HASH_BACKEND=pysha3
mkdir -p .build
run() { .venv/bin/python -m pytest -q -rs -n 2 --dist loadgroup "$@"; }
if [ $# -gt 0 ]; then
    exec .venv/bin/python -m pytest -q "$@"
fi
echo "== rooms"
run --ignore=tests/contracts --durations=10 --cov --cov-report=json:.build/coverage.json --cov-report=
echo "== contracts"
run tests/contracts --cov --cov-config=tests/contracts/coverage.toml --cov-report=term
echo "== coverage"
.venv/bin/python scripts/coverage.py .build/coverage.json protocol=90 vault=90 oracles=85 node=85 chain=85 wallet=85 audit=85
