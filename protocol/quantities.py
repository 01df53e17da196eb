"""A type per quantity, so that a day is never taken for a second nor a reference value for a salt."""

from typing import NewType

Seconds = NewType("Seconds", int)
"""UTC seconds since 1970-01-01."""

Day = NewType("Day", int)
"""Days since 1970-01-01 in Asia/Seoul; see `protocol.calendar`. The epoch of a daily batch."""

Steps = NewType("Steps", int)

Reference = NewType("Reference", bytes)
"""A reference value: 32 bytes that commit to a record without revealing it."""

Salt = NewType("Salt", bytes)
"""64 fresh random bytes that hide a reference value."""

SubjectId = NewType("SubjectId", bytes)
"""16 random bytes: the pseudonym under which the vault keeps one person. Never on the chain."""

DeviceId = NewType("DeviceId", bytes)
"""First 8 bytes of SHA-256 of a shoe's public key. Vault only, never on the chain."""

Serial = NewType("Serial", bytes)
"""32 random bytes that make a voucher unique."""

Address = NewType("Address", str)
"""An account, EIP-55 checksummed."""
