"""A caller's visit: may it call this, how long did it take, and what HTTP status says so."""

from collections.abc import Callable

from node.access import Caller
from node.metrics import Metrics
from node.rpc.errors import Code, RpcError

UNAUTHORIZED, FORBIDDEN = 401, 403


class CallerVisit:
    """One request body of one caller; the `Visit` that dispatch tells of each method."""

    def __init__(self, caller: Caller, client: str, metrics: Metrics, elapsed: Callable[[], float]) -> None:
        """`client` is the address it comes from; who has a key or a token counts by its name."""
        self.who = f"{caller.kind} {caller.name}" if caller.kind != "anonymous" else client
        self._caller, self._metrics, self._elapsed = caller, metrics, elapsed
        self._started = 0.0
        self._refused = self._asked = 0

    @property
    def status(self) -> int:
        """The HTTP status of the answer: refused only if everything in it was."""
        if not self._refused or self._refused < self._asked:
            return 200
        return UNAUTHORIZED if self._caller.kind == "anonymous" else FORBIDDEN

    def enter(self, method: str) -> None:
        """Raises RpcError -40100 for what this caller may not call."""
        self._started = self._elapsed()
        self._asked += 1
        if not self._caller.rights.allow(method):
            self._refused += 1
            raise not_allowed(self._caller, method)

    def leave(self, method: str, error: RpcError | None) -> None:
        """Count it."""
        self._metrics.on_method(method, self._elapsed() - self._started, 0 if error is None else int(error.code))
        if error is not None and error.code is Code.UNAUTHORIZED:
            self._metrics.on_refusal(str(error.data["code"]) if isinstance(error.data, dict) else "UNAUTHORIZED")


def not_allowed(caller: Caller, method: str) -> RpcError:
    """The error for a method that a caller may not call."""
    if caller.kind == "anonymous":
        message = f"Unauthorized: {method[:100]} needs a key or a token (Authorization: Bearer, X-API-Key or /k/<key>)"
        return RpcError(Code.UNAUTHORIZED, message, {"code": "UNAUTHORIZED"})
    message = f"Unauthorized: this {caller.kind} may not call {method[:100]}"
    return RpcError(Code.UNAUTHORIZED, message, {"code": "FORBIDDEN"})
