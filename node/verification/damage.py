"""What a verification finds."""

from node.errors import NodeError


class Damage(NodeError):
    """The store does not hold what it must: `table` at `height` (None where it belongs to no single block)."""

    def __init__(self, height: int | None, table: str, what: str) -> None:
        where = f"block {height}" if height is not None else "the store"
        super().__init__(
            "STORE_DAMAGED", f"{where}: {table}: {what}", "restore a snapshot, or copy the store of another member"
        )
        self.height, self.table, self.what = height, table, what
