"""Sharing a secret so that k of n shares rebuild it and k-1 say nothing (Shamir, *How to share a secret*, CACM 1979).

Every byte is the value at 0 of a polynomial of degree k-1 over GF(2^8) with the modulus of AES (FIPS 197, section 4);
share number x holds the values at x. No tables and no branch on secret bytes. All numbers stay below 256, which Python
keeps once and never copies, so wiping the byte arrays wipes the secret.
"""

from collections.abc import Mapping

from vault.process import wipeable
from vault.roots.slot import Entropy


def multiply(left: int, right: int) -> int:
    """The product in GF(2^8) modulo x^8 + x^4 + x^3 + x + 1."""
    product = 0
    for _ in range(8):
        product ^= -(right & 1) & left
        left = ((left & 0x7F) << 1) ^ (-(left >> 7) & 0x1B)
        right >>= 1
    return product


def inverse(value: int) -> int:
    """The inverse in GF(2^8): the 254th power. Of 0 it is 0."""
    result = 1
    for _ in range(7):
        value = multiply(value, value)
        result = multiply(result, value)
    return result


def split(secret: bytearray, threshold: int, count: int, entropy: Entropy) -> dict[int, bytearray]:
    """Shares 1 to `count` of a secret, `threshold` of which rebuild it (1 <= threshold <= count <= 255)."""
    if not 1 <= threshold <= count <= 255:
        raise ValueError("shares need 1 <= threshold <= count <= 255")
    size = len(secret)
    coefficients = [wipeable(entropy(size)) for _ in range(threshold - 1)]
    shares = {}
    for number in range(1, count + 1):
        share = bytearray(size)
        for coefficient in (*coefficients, secret):
            for place in range(size):
                share[place] = multiply(share[place], number) ^ coefficient[place]
        shares[number] = share
    for coefficient in coefficients:
        coefficient[:] = bytes(size)
    return shares


def combine(shares: Mapping[int, bytearray]) -> bytearray:
    """The secret of exactly the threshold of shares, or more: the value at 0 of the polynomial through them.

    Too few shares, or a wrong one, give other bytes and no error: check the result."""
    secret = bytearray(len(next(iter(shares.values()))))
    for number, share in shares.items():
        weight = 1
        for other in shares:
            if other != number:
                weight = multiply(weight, multiply(other, inverse(other ^ number)))
        for place in range(len(secret)):
            secret[place] ^= multiply(share[place], weight)
    return secret
