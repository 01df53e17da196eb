"""Verifying a store: every block is executed again by the rules of today, and every table is compared with what it
must then hold."""

from node.verification.damage import Damage
from node.verification.verifying import Report, verify

__all__ = ["Damage", "Report", "verify"]
