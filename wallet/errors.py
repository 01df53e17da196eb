"""What can go wrong in a wallet.

TideprintError
└── WalletError     WALLET_EXISTS, WALLET_MISSING, PASSPHRASE_WRONG, MNEMONIC_INVALID, VOUCHER_INVALID, ...
"""

from protocol.errors import TideprintError


class WalletError(TideprintError):
    """The holder has to act; the hint says how."""
