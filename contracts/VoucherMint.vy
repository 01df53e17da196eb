# pragma version ==0.4.3
# pragma evm-version prague
# pragma nonreentrancy on
"""
@title Voucher mint
@license Apache-2.0
@notice Mints health tokens for vouchers: RSA blind signatures over a full-domain hash that binds chain, contract,
        series, serial and recipient. The signer never saw what it signed, so a redeemed voucher points at no person
        and no day; anyone may send it, nobody can divert it. A series is one issuer key and one denomination; two
        series never share a key, because the signer cannot see which series a blinded message is for. A closed series
        pays out at most the number of vouchers that was issued. Trust: the holder of a series' private key can issue
        up to its cap.
@custom:stop The Council closes the series or takes MINTER from this contract; a guardian's pause of the token stops it
             too.
"""

from .lib import governed
from .lib import rsa

initializes: governed

exports: governed.council


interface Token:
    def mint(to: address, amount: uint256): nonpayable


struct Series:
    cap: uint256  # vouchers
    denomination: uint256  # tokens a voucher
    redeemed: uint256  # vouchers
    issued: uint256  # vouchers; known when closed
    closed: bool


event SeriesOpened:
    series: indexed(uint256)
    cap: uint256
    denomination: uint256


event Redeemed:
    series: indexed(uint256)
    count: uint256


event SeriesClosed:
    series: indexed(uint256)
    issued: uint256


DOMAIN: constant(bytes32) = keccak256("tideprint/voucher/1")
MAX_LOT: constant(uint256) = 32
MASK: constant(uint256) = 2**64 - 1


token: public(immutable(address))


modulus_of: public(HashMap[uint256, Bytes[512]])
# @dev series -> cap, redeemed, issued (64 bits each), denomination (63), closed (1)
words: HashMap[uint256, uint256]
used_moduli: HashMap[bytes32, bool]
spent: HashMap[bytes32, bool]  # keccak256(series, serial)


@deploy
def __init__(council: address, token_: address):
    governed.__init__(council)
    assert token_.is_contract, "voucher: no token"
    token = token_


@external
def open_series(series: uint256, modulus: Bytes[512], cap: uint256, denomination: uint256):
    """
    @notice Open a series under an issuer's public key (e = 65537). By decision of the Council.
    @param modulus 256, 384 or 512 bytes, big-endian, top bit set; never used before.
    @param cap The most vouchers that will be paid out.
    @param denomination Tokens a voucher is worth.
    """
    governed._only_council()
    assert self.words[series] == 0, "voucher: series known"
    size: uint256 = len(modulus)
    assert rsa._known_size(size), "voucher: modulus size"
    assert convert(slice(modulus, 0, 1), uint256) >= 128, "voucher: modulus top bit"
    assert convert(slice(modulus, size - 1, 1), uint256) & 1 == 1, "voucher: modulus even"
    key: bytes32 = keccak256(modulus)
    assert not self.used_moduli[key], "voucher: modulus used"
    assert 0 < cap and cap <= MASK and 0 < denomination and denomination < 2**63, "voucher: limits"
    self.used_moduli[key] = True
    self.modulus_of[series] = modulus
    self._save(series, Series(cap=cap, denomination=denomination, redeemed=0, issued=0, closed=False))
    log SeriesOpened(series=series, cap=cap, denomination=denomination)


@external
def redeem(
    series: uint256,
    recipient: address,
    serials: DynArray[bytes32, MAX_LOT],
    signatures: DynArray[Bytes[512], MAX_LOT],
):
    """
    @notice Mint for a lot of 1, 8 or 32 vouchers of one series. Anyone may send it; one bad voucher refuses the lot.
    @param recipient The account every voucher of the lot was made out to.
    """
    count: uint256 = len(serials)
    assert count == 1 or count == 8 or count == 32, "voucher: lot size"
    assert len(signatures) == count, "voucher: signatures"
    s: Series = self._load(series)
    assert s.cap != 0, "voucher: series unknown"
    s.redeemed += count
    if s.closed:
        assert s.redeemed <= s.issued, "voucher: over issued"
    assert s.redeemed <= s.cap, "voucher: over cap"
    self._save(series, s)
    modulus: Bytes[512] = self.modulus_of[series]
    for i: uint256 in range(count, bound=MAX_LOT):
        mark: bytes32 = keccak256(abi_encode(series, serials[i]))
        assert not self.spent[mark], "voucher: spent"
        self.spent[mark] = True
        message: Bytes[512] = rsa._hash(self._seed(series, serials[i], recipient), len(modulus))
        assert rsa._signed(message, signatures[i], modulus), "voucher: signature"
    extcall Token(token).mint(recipient, count * s.denomination)
    log Redeemed(series=series, count=count)


@external
def close_series(series: uint256, issued: uint256):
    """
    @notice Close a series at the number of vouchers issued; the rest of them may still be redeemed. By decision of the
            Council.
    @param issued At most the cap. Where more was redeemed already, with a stolen key say, the series closes at that
           number and pays out nothing more: no redemption holds a decision up. The event says which number stands.
    """
    governed._only_council()
    s: Series = self._load(series)
    assert s.cap != 0, "voucher: series unknown"
    assert not s.closed, "voucher: series closed"
    assert issued <= s.cap, "voucher: issued"
    s.issued = max(issued, s.redeemed)
    s.closed = True
    self._save(series, s)
    log SeriesClosed(series=series, issued=s.issued)


@external
@view
def series_of(series: uint256) -> Series:
    """
    @notice Cap, denomination, redeemed, issued, closed. All zero for an unknown series.
    """
    return self._load(series)


@external
@view
def is_spent(series: uint256, serial: bytes32) -> bool:
    """
    @notice Was this voucher redeemed?
    """
    return self.spent[keccak256(abi_encode(series, serial))]


@external
@view
def message_of(series: uint256, serial: bytes32, recipient: address, size: uint256) -> Bytes[512]:
    """
    @notice The full-domain hash that an issuer signs, `size` bytes wide. Call it off chain only, or better compute it
            there.
    """
    assert rsa._known_size(size), "voucher: modulus size"
    return rsa._hash(self._seed(series, serial, recipient), size)


@internal
@view
def _seed(series: uint256, serial: bytes32, recipient: address) -> bytes32:
    return keccak256(abi_encode(DOMAIN, chain.id, self, series, serial, recipient))


@internal
@view
def _load(series: uint256) -> Series:
    word: uint256 = self.words[series]
    return Series(
        cap=word & MASK,
        denomination=(word >> 192) & (2**63 - 1),
        redeemed=(word >> 64) & MASK,
        issued=(word >> 128) & MASK,
        closed=word >> 255 == 1,
    )


@internal
def _save(series: uint256, s: Series):
    word: uint256 = s.cap | (s.redeemed << 64) | (s.issued << 128) | (s.denomination << 192)
    if s.closed:
        word |= 1 << 255
    self.words[series] = word
