"""Somebody's tests of a contract, on the chain itself."""

import ape
import pytest


@pytest.fixture(scope="session")
def member(accounts):
    account = ape.accounts.load("member")
    account.set_autosign(True)
    return account


@pytest.fixture(scope="session")
def door(project, member):
    return member.deploy(project.Door)


def test_knocking_is_counted(door, member):
    receipt = door.knock(sender=member)
    assert [log.times for log in receipt.events] == [door.times()]
    assert receipt.gas_price == 0


def test_nobody_enters(door, member):
    with ape.reverts():
        door.enter(7, sender=member)
