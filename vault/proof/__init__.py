"""Proof of forgetting: attacks on what is left, each with a control that must be caught, and a report of them."""
