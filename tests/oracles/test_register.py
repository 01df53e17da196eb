"""The shoe register: found by whoever wears it, and by nobody once they are forgotten."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from oracles.devices import EnrolledDevice
from oracles.errors import OracleError, SubjectGone
from oracles.register import ShoeRegister
from oracles.sealing import ErasableSeal
from protocol.errors import TideprintError
from protocol.quantities import DeviceId, SubjectId
from tests.oracles.core_support import TagKeys, Wearer

ANN, BEN = Wearer.new(1), Wearer.new(2)


class Identities(dict[DeviceId, SubjectId]):
    """Who wears what."""

    def give(self, wearer: Wearer) -> list[EnrolledDevice]:
        shoes = wearer.enrolled()
        self.update({shoe.device: wearer.subject for shoe in shoes})
        return shoes


@pytest.fixture
def keys() -> TagKeys:
    return TagKeys()


@pytest.fixture
def worn() -> Identities:
    return Identities()


@pytest.fixture
def register(tmp_path: Path, keys: TagKeys, worn: Identities) -> Iterator[ShoeRegister]:
    register = ShoeRegister(tmp_path / "shoes.db", ErasableSeal(keys), worn.get)
    yield register
    register.close()


def test_an_enrolled_shoe_is_found_with_all_that_is_known_of_it(register: ShoeRegister, worn: Identities) -> None:
    left, right = worn.give(ANN)
    right = replace(right, enrolled_sequence=77)
    for shoe in (left, right):
        register.enroll(shoe)
    assert [register.find(shoe.device) for shoe in (left, right)] == [left, right]
    assert register.find(BEN.enrolled()[0].device) is None


def test_a_shoe_is_enrolled_once_and_for_its_wearer_only(register: ShoeRegister, worn: Identities) -> None:
    left, _ = worn.give(ANN)
    register.enroll(left)
    for shoe in (left, replace(left, subject=BEN.subject)):
        with pytest.raises(OracleError, match="DEVICE_ENROLLED"):
            register.enroll(shoe)
    with pytest.raises(OracleError, match="DEVICE_UNKNOWN"):
        register.enroll(BEN.enrolled()[0])
    with pytest.raises(TideprintError, match="DEVICE_KEY_INVALID"):
        register.enroll(replace(left, public_key=b"short"))


def test_a_wearer_without_a_key_has_no_shoes(register: ShoeRegister, worn: Identities, keys: TagKeys) -> None:
    left, right = worn.give(ANN)
    register.enroll(left)
    keys.erased.add(ANN.subject)
    assert register.holds(ANN.subject)
    assert register.erase(ANN.subject) == 1
    assert not register.holds(ANN.subject)
    assert register.find(left.device) is None
    with pytest.raises(SubjectGone):
        register.enroll(right)
