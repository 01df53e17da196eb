"""Who may call what: API keys, signed tokens, rights by method, and the gate that puts them together.

Pure but for two files: the access file (hashes of keys) and the token key. Nothing here knows of HTTP.
"""

from node.access.gate import Gate
from node.access.rights import EVERYTHING, Caller, Rights

__all__ = ["EVERYTHING", "Caller", "Gate", "Rights"]
