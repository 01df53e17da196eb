"""Helpers of the wallet's tests: a purse that survives, crashes at a named step, series of a running chain."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from protocol.vouchers import Series
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
