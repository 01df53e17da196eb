"""Other nodes from npm, which the node is measured against: installing, starting, stopping them."""
