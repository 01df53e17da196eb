"""The one adapter between Tideprint and a node: everything that is written to the chain passes here.

`Ledger` speaks JSON-RPC (web3.py); `writes` is the closed list of what may be written; `Deployment` says where the
contracts are. Knows `protocol` only.
"""

from chain.anchoring import Anchorer
from chain.deployment import Deployment
from chain.errors import ChainError
from chain.ledger import Ledger
from chain.writes import Write

__all__ = ["Anchorer", "ChainError", "Deployment", "Ledger", "Write"]
