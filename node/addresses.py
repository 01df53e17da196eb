"""Addresses as people write them."""

import re
from functools import lru_cache

from eth_utils.address import is_checksum_address, to_checksum_address

from node.errors import ConfigError

_HEX = re.compile(r"0x[0-9a-fA-F]{40}")


def parse_address(text: object, where: str) -> bytes:
    """The 20 bytes of `text`; mixed case must carry a right checksum (EIP-55). Raises ConfigError ADDRESS_INVALID."""
    plain = isinstance(text, str) and _HEX.fullmatch(text)
    if not isinstance(text, str) or not plain:
        raise ConfigError("ADDRESS_INVALID", f"{where}: {text!r} is no address", "write 0x and 40 hexadecimal digits")
    digits = text[2:]
    if digits not in (digits.lower(), digits.upper()) and not is_checksum_address(text):
        raise ConfigError("ADDRESS_INVALID", f"{where}: the checksum of {text} is wrong", "copy the address again")
    return bytes.fromhex(digits)


@lru_cache(8_192)
def checksummed(address: bytes) -> str:
    """EIP-55."""
    return str(to_checksum_address(address))
