"""Tag keys lie with the person."""

from protocol.quantities import SubjectId
from tests.vault.gate_cases import PATIENT, TWIN
from vault.errors import KeyErased
from vault.paths import Path
from vault.tags import PersonTags


class Slots:
    """Two persons' slots."""

    def slot_of(self, subject: SubjectId) -> Path | None:
        return {PATIENT: Path("0000000001"), TWIN: Path("0000000002")}.get(subject)


class Keys:
    """A key for every path but the erased ones."""

    def __init__(self, erased: str = "none") -> None:
        self.erased = erased

    def key(self, path: Path) -> bytes:
        if path.startswith(self.erased):
            raise KeyErased
        return path.encode().ljust(32)


def test_each_person_has_a_key_of_their_own_that_stays() -> None:
    tags = PersonTags(Slots(), Keys())
    assert tags.key_of(PATIENT) == PersonTags(Slots(), Keys()).key_of(PATIENT)
    assert tags.key_of(PATIENT) != tags.key_of(TWIN)
    assert len(tags.key_of(PATIENT) or b"") == 32


def test_a_tag_key_is_not_the_key_of_a_record() -> None:
    assert PersonTags(Slots(), Keys()).key_of(PATIENT) != Keys().key(Path("00000000010000"))


def test_nobody_has_no_key() -> None:
    assert PersonTags(Slots(), Keys()).key_of(SubjectId(bytes(16))) is None


def test_between_the_erasure_of_the_key_and_of_the_entry_there_is_none_either() -> None:
    tags = PersonTags(Slots(), Keys(erased="0000000001"))
    assert tags.key_of(PATIENT) is None
    assert tags.key_of(TWIN) is not None
