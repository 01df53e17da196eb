"""`python -m node`: the command group on its own."""

from node.cli import node

if __name__ == "__main__":
    node()
