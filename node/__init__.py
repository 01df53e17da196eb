"""The permissioned chain node: execution, store, pool, permissions, JSON-RPC, drivers. Imports only `protocol`.

Importing the package picks the fastest installed Keccak for everything below it, before anything has hashed.
"""

import importlib.util
import os

if importlib.util.find_spec("sha3") is not None:
    os.environ.setdefault("ETH_HASH_BACKEND", "pysha3")
