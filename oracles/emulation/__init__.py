"""Smart shoes and a Bluetooth adapter without a radio, for tests and demonstrations.

    radio         `emulated_radio`: everything below, started and cleaned up
    dbus          a private message bus (the daemon of Debian's package dbus-daemon)
    bluezd        a stand-in for bluetoothd on that bus, joined to a real Bluetooth host by a virtual link
    peripheral    a shoe's firmware behind the vendor GATT profile

The oracle's side stays what it is in production: bleak, unmodified, over D-Bus.
"""

from oracles.emulation.faults import Faults
from oracles.emulation.radio import EmulatedRadio, emulated_radio

__all__ = ["EmulatedRadio", "Faults", "emulated_radio"]
