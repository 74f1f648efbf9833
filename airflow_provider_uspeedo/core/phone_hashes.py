# SPDX-License-Identifier: Apache-2.0
"""The hash by which a ledger knows a phone without holding it: HMAC-SHA-256 under the ledger's own random key.

The space of phone numbers is small: without the key, a plain hash of each of them could be tried. With it, a hash
says nothing, to a reader of a copy of the list alone. Hashes of two ledgers have nothing in common.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from airflow_provider_uspeedo.errors import LedgerError

if TYPE_CHECKING:
    import pyarrow as pa

PHONE_KEY_BYTES = 32
"""Length of the key: random bytes, made once for a ledger."""
PHONE_HASH_BYTES = 32
"""Length of a hash."""
_INNER_PAD, _OUTER_PAD = (bytes(byte ^ pad for byte in range(256)) for pad in (0x36, 0x5C))


class PhoneHasher:
    """Makes the hashes of one ledger. Safe to share between threads.

    :param key: the ledger's own, :data:`PHONE_KEY_BYTES` long.
    :raises LedgerError: it has another length.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) != PHONE_KEY_BYTES:
            raise LedgerError(
                f"The ledger's phone_key has {len(key)} bytes instead of {PHONE_KEY_BYTES}: it was changed by hand. "
                "Restore it from a backup: hashes that were made with another key match no phone."
            )
        # HMAC as RFC 2104 has it. A campaign hashes each phone several times, and `hmac` takes twice as long for it.
        block = key.ljust(hashlib.sha256().block_size, b"\0")
        self._inner = hashlib.sha256(block.translate(_INNER_PAD))
        self._outer = hashlib.sha256(block.translate(_OUTER_PAD))

    def __repr__(self) -> str:
        return "PhoneHasher()"

    def derived(self, purpose: str) -> PhoneHasher:
        """Another hasher for one purpose, whose hashes cannot be compared with these.

        Its key is the hash of the purpose under this key: who has it can neither make this key nor that of another
        purpose of it.

        :param purpose: a text that is no phone.
        """
        return PhoneHasher(self.of(purpose))

    def of(self, phone: str) -> bytes:
        """The hash of one phone.

        :param phone: as it is normalised, such as ``(852)55311111``.
        :returns: :data:`PHONE_HASH_BYTES` bytes.
        """
        return self.of_phones([phone])[0]

    def of_phones(self, phones: Iterable[str]) -> list[bytes]:
        """:meth:`of` each of the phones."""
        inner, outer, found = self._inner.copy, self._outer.copy, []
        for phone in phones:
            text, whole = inner(), outer()
            text.update(phone.encode())
            whole.update(text.digest())
            found.append(whole.digest())
        return found

    def of_column(self, phones: pa.Array) -> pa.Array:
        """:meth:`of` each phone of a column of texts without nulls; a column of fixed-width bytes."""
        from airflow_provider_uspeedo.core.arrays import column_of_cells  # heavy

        return column_of_cells(b"".join(self.of_phones(phones.to_pylist())), PHONE_HASH_BYTES)
