"""Helpers of the wallet's tests: a purse that survives, crashes at a named step, series of a running chain."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from chain import Ledger
from protocol.errors import TideprintError
from protocol.vouchers import Series, Voucher
from tests.support import Consortium, VoucherIssuer
from wallet import Purse
from wallet.keys import Keys


class OpenPurse:
    """A purse file; `reopen` is what follows a crash."""

    def __init__(self, path: Path, keys: Keys) -> None:
        self._path, self._keys = path, keys
        self.purse = Purse(path, keys)

    def reopen(self) -> None:
        """Leave everything that was not committed behind."""
        self.purse.close()
        self.purse = Purse(self._path, self._keys)


def first_of_all(size: int) -> bytes:
    """A draw that always falls on the first."""
    return bytes(size)


def redeem_all(purse: Purse, ledger: Ledger, series: Series, *, singles: bool = False) -> int:
    """One lot after the other until nothing waits, in order; how many vouchers."""
    redeemed = 0
    while purse.waiting(series, singles=singles):
        redeemed += purse.redeem(ledger, series, first_of_all, singles=singles)
    return redeemed


def vouchers_of(purse: Purse, series: Series) -> list[Voucher]:
    """All vouchers that were not redeemed, in the order of their places."""
    found = dict(item for lot in purse._lots(series, True) for item in lot)
    return [found[place] for place in sorted(found)]


class KnowingIssuer:
    """An issuer that refuses as the real one does; it knows requests by what they were for, not by what it is told."""

    def __init__(self, issuer: VoucherIssuer, credential: bytes) -> None:
        self._issuer, self._credential = issuer, credential
        self.closed = False
        self.calls = 0

    def due(self, credential: bytes, series: int) -> int:
        """What may be collected; nothing of a closed series."""
        return 0 if self.closed else self._issuer.due(credential, series)

    def sign(self, credential: bytes, series: int, request: bytes, blinded: Sequence[int]) -> list[int]:
        """Sign, or say why not."""
        self.calls += 1
        known = self._issuer.asked.get(request)
        if known is not None and known != list(blinded):
            raise TideprintError("REQUEST_CHANGED", "this request id was used for other messages", "use a new id")
        if known is None and self.closed:
            raise TideprintError("SERIES_CLOSED", "this series is closed")
        if known is None and self._issuer.due(credential, series) < len(blinded):
            raise TideprintError("NOT_ENTITLED", "more vouchers asked for than earned")
        return self._issuer.sign(credential, series, request, blinded)


class Crash:
    """Raises `Crash.Now` before or after a call; what was patched is as before at the end of the block."""

    class Now(BaseException):
        """The process is gone; nothing in the code under test may catch this."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._context = monkeypatch.context()
        self._patch: pytest.MonkeyPatch

    def __enter__(self) -> "Crash":
        self._patch = self._context.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._context.__exit__(kind, error, trace)

    def at(self, owner: Any, name: str, *, after: bool = False, skip: int = 0) -> None:
        """Crash at the call after `skip` calls went through."""
        real: Callable[..., Any] = getattr(owner, name)
        left = [skip]

        def crashing(*arguments: Any, **named: Any) -> Any:
            if left[0]:
                left[0] -= 1
                return real(*arguments, **named)
            if after:
                real(*arguments, **named)
            raise Crash.Now

        self._patch.setattr(owner, name, crashing)


Opened = Iterator[tuple[Series, VoucherIssuer]]
"""Series of the running chain with a key each, for one test each."""


def open_series(consortium: Consortium, count: int) -> Opened:
    """Open that many series in one go; denominations differ."""
    issuers = {202501001 + number: VoucherIssuer() for number in range(count)}
    consortium.open_series({number: issuer.modulus for number, issuer in issuers.items()})
    for number, issuer in issuers.items():
        yield consortium.ledger.series(number), issuer
