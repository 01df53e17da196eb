"""The holder's side: keys, vouchers, consents, erasure requests.

A `Wallet` needs one secret, a mnemonic of 24 words. Everything else follows from it: one-time addresses for every
relation and every lot, serials and blinding factors of vouchers. Knows `protocol` and `chain`; talks to the voucher
issuer through a small protocol of its own.
"""

from wallet.errors import WalletError
from wallet.purse import Issuer, Purse, Sent
from wallet.terms import whole_days
from wallet.wallet import Wallet

__all__ = ["Issuer", "Purse", "Sent", "Wallet", "WalletError", "whole_days"]
