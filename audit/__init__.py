"""Proof for the inspector: attacks on what is left, each with a control that must be caught.

So far the residue scan: no canary of a person may be found in the ledger, in the node's files or in any other store.
Reads files and the chain; imports nothing that it judges.
"""

from audit.canaries import Canaries
from audit.residue import Report, check_control, scan_files, scan_ledger

__all__ = ["Canaries", "Report", "check_control", "scan_files", "scan_ledger"]
