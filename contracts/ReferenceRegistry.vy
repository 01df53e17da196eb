# pragma version ==0.4.3
# pragma evm-version prague
# pragma nonreentrancy on
"""
@title Reference registry
@license Apache-2.0
@notice Anchors batches of reference values as one Merkle root each. A reference value is a salted commitment to a
        record that lies off chain; when the record, its salt and its key are destroyed, the root stays and opens to
        nothing. Nothing here is ever erased, marked or pointed to. Trust: an oracle, custodian or inspector vouches
        for what it anchors; the contract holds them to the kinds, the floor of five and the rule set in force.
@custom:stop The Council takes the role away; batches already anchored stay readable.
"""

from .lib import governed
from .lib import merkle

initializes: governed

exports: governed.council


struct Anchor:
    kind: uint8
    epoch: uint64
    count: uint32
    time: uint64
    root: bytes32
    rules: bytes32


event Anchored:
    id: indexed(uint256)
    kind: indexed(uint8)
    epoch: indexed(uint64)
    root: bytes32
    count: uint32
    rules: bytes32


READING: constant(uint8) = 1
AUDIT: constant(uint8) = 2
ERASURE: constant(uint8) = 3
ISSUANCE: constant(uint8) = 4
DOSSIER: constant(uint8) = 5
ORACLE: constant(bytes32) = keccak256("ORACLE")
CUSTODIAN: constant(bytes32) = keccak256("CUSTODIAN")
INSPECTOR: constant(bytes32) = keccak256("INSPECTOR")
FLOOR: constant(uint32) = 5  # a smaller batch could point at a person


count: public(uint256)
anchor_of: public(HashMap[bytes32, uint256])  # root -> id of the first anchor under any kind; 0 for an unknown root
anchor_of_kind: public(HashMap[uint8, HashMap[bytes32, uint256]])  # kind -> root -> id; 0 where there is none
words: HashMap[uint256, uint256]  # id -> kind (8 bits), epoch (64), count (32), time (64)
roots: HashMap[uint256, bytes32]
rules_of: HashMap[uint256, bytes32]


@deploy
def __init__(council: address):
    governed.__init__(council)


@external
def anchor(kind: uint8, epoch: uint64, root: bytes32, count: uint32, rules: bytes32) -> uint256:
    """
    @notice Anchor a batch. For ORACLE (kinds 1, 4), CUSTODIAN (2, 3), INSPECTOR (5).
    @param kind 1 READING, 2 AUDIT, 3 ERASURE, 4 ISSUANCE, 5 DOSSIER.
    @param epoch The batch's period, such as its day.
    @param root The Merkle root; anchored once under a kind. Kinds do not block each other: an oracle that sees a
           custodian's root first takes nothing from it.
    @param count The number of real leaves, padding left out; at least 5 for kinds 1 to 3.
    @param rules The hash of the rule set the batch was made under: the one in force.
    @return The anchor's id, from 1.
    """
    governed._only(self._role_of(kind))
    assert rules == governed._rules(), "registry: rules"
    assert root != empty(bytes32) and self.anchor_of_kind[kind][root] == 0, "registry: root"
    assert count >= self._floor_of(kind), "registry: below floor"
    id: uint256 = self.count + 1
    self.count = id
    self.anchor_of_kind[kind][root] = id
    if self.anchor_of[root] == 0:
        self.anchor_of[root] = id
    self.words[id] = (
        convert(kind, uint256)
        | (convert(epoch, uint256) << 8)
        | (convert(count, uint256) << 72)
        | (block.timestamp << 104)
    )
    self.roots[id] = root
    self.rules_of[id] = rules
    log Anchored(id=id, kind=kind, epoch=epoch, root=root, count=count, rules=rules)
    return id


@external
@view
def anchors(id: uint256) -> Anchor:
    """
    @notice What was anchored under an id: kind, epoch, count, time, root, rules. All zero for an unknown id.
    """
    word: uint256 = self.words[id]
    return Anchor(
        kind=convert(word & (2**8 - 1), uint8),
        epoch=convert((word >> 8) & (2**64 - 1), uint64),
        count=convert((word >> 72) & (2**32 - 1), uint32),
        time=convert(word >> 104, uint64),
        root=self.roots[id],
        rules=self.rules_of[id],
    )


@external
@view
def verify(id: uint256, reference: bytes32, proof: DynArray[bytes32, 32]) -> bool:
    """
    @notice Was this reference value in the batch? Call it off chain only: the arguments of a transaction are public.
    """
    return self.words[id] != 0 and merkle._root(merkle._leaf(reference), proof) == self.roots[id]


@internal
@pure
def _role_of(kind: uint8) -> bytes32:
    if kind == READING or kind == ISSUANCE:
        return ORACLE
    if kind == AUDIT or kind == ERASURE:
        return CUSTODIAN
    assert kind == DOSSIER, "registry: kind"
    return INSPECTOR


@internal
@pure
def _floor_of(kind: uint8) -> uint32:
    if kind == ISSUANCE or kind == DOSSIER:
        return 1
    return FLOOR
