"""The front door: the command line, and the demonstration that walks the whole path.

Composes all rooms and is imported by none.
"""

import os

# the first hash fixes the backend for the whole process; the native one is three times as fast
os.environ.setdefault("ETH_HASH_BACKEND", "pysha3")
