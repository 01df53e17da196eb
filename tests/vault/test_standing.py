from pathlib import Path

import pytest

from protocol.quantities import SubjectId
from tests.vault.support import options
from vault import Cause, Vault, VaultError
from vault.forgetting import scan
from vault.standing import OrderKind

TERMS = {"cause": "CONTRACT_END", "day": 20_800}


def test_an_order_is_found_again_after_a_restart_and_tells_nothing_on_disk(home: Path) -> None:
    with Vault.create(home, options()) as vault:
        anna = vault.identity.enroll("anna", [])
        order = vault.orders.add(OrderKind.END, anna, TERMS)
    assert scan(home, {"subject": anna, "cause": b"CONTRACT_END"}) == []
    with Vault.open(home, options()) as vault:
        assert vault.orders.all(OrderKind.END) == [order]
        assert vault.orders.all(OrderKind.HOLD) == []
        assert (order.subject, order.terms) == (anna, TERMS)


def test_an_order_dies_with_its_subject(vault: Vault) -> None:
    anna, ben = vault.identity.enroll("anna", []), vault.identity.enroll("ben", [])
    vault.orders.add(OrderKind.END, anna, TERMS)
    kept = vault.orders.add(OrderKind.END, ben, TERMS)
    vault.erase(anna, Cause.PURPOSE_ACHIEVED)
    assert vault.orders.all(OrderKind.END) == [kept]
    assert vault._rows.value("SELECT count(*) FROM standing") == 1


def test_an_order_taken_back_is_gone(vault: Vault) -> None:
    order = vault.orders.add(OrderKind.END, vault.identity.enroll("anna", []), TERMS)
    vault.orders.remove(order.id)
    with pytest.raises(VaultError, match="ORDER_UNKNOWN"):
        vault.orders.remove(order.id)
    assert vault.orders.all(OrderKind.END) == []


def test_orders_are_for_those_who_are_enrolled(vault: Vault) -> None:
    with pytest.raises(VaultError, match="SUBJECT_UNKNOWN"):
        vault.orders.add(OrderKind.END, SubjectId(bytes(16)), TERMS)
