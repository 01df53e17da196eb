#!/bin/sh
# The long trials, about half an hour: kills, fuzzing. `make test` holds a short form of each.
set -eu
cd "$(dirname "$0")/.."
export ETH_HASH_BACKEND=pysha3
echo "== a sealing node killed a thousand times"
.venv/bin/python -m tests.node.kill_node --times "${KILLS:-1000}"
echo "== hostile JSON-RPC"
.venv/bin/python -m tests.node.fuzz_rpc --seconds "${SECONDS_OF_FUZZING:-600}" --seed "${SEED:-1}"
