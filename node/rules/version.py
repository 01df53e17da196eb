"""The version of the rules by which blocks are judged and executed.

It stands in genesis, and block 0's hash binds it. Software that follows other rules refuses the chain (RULES_MISMATCH)
instead of forking off it somewhere, or of finding its own history wrong. Raise it with every change after which some
block would be judged otherwise or end in another state; tests/node/test_rules_version.py holds a chain that notices.

1   the first
2   an account without a role has an allowance of gas in every window
"""

RULES = 2
