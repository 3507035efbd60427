"""The audit key: a secret of this machine, outside all knowledge bases, that signs records."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ragkit.errors import StoreError
from ragkit.store.atomic import write_atomic

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class AuditKey:
    """A key that signs audit records. Without it, nobody can change the audit log unnoticed."""

    secret: bytes = field(repr=False)

    @property
    def id(self) -> str:
        """An id that says nothing about the key: 16 hexadecimal digits."""
        return self._derive_secret(b"id")[:8].hex()

    def sign(self, data: bytes) -> bytes:
        """Return the HMAC-SHA256 of `data`, 32 bytes."""
        return hmac.digest(self._derive_secret(b"chain"), data, hashlib.sha256)

    @property
    def public_key(self) -> str:
        """The public key that verifies `sign_ed25519`, in hexadecimal digits."""
        return self._signer().public_key().public_bytes_raw().hex()

    def sign_ed25519(self, data: bytes) -> str:
        """Return an Ed25519 signature in hexadecimal digits, which the public key verifies."""
        return self._signer().sign(data).hex()

    def _signer(self) -> Ed25519PrivateKey:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return Ed25519PrivateKey.from_private_bytes(self._derive_secret(b"signature"))

    def digest(self, text: str) -> str:
        """Return a keyed digest of a text as 32 hexadecimal digits."""
        data = text.encode("utf-8", "surrogatepass")
        return hmac.digest(self._derive_secret(b"text"), data, hashlib.sha256)[:16].hex()

    def _derive_secret(self, purpose: bytes) -> bytes:
        """Return the secret for one purpose; it says nothing about those for others."""
        return hmac.digest(self.secret, b"ragkit audit " + purpose, hashlib.sha256)


def verify_ed25519(data: bytes, signature: str, public_key: str) -> bool:
    """Return True if the owner of the public key signed exactly this data."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
        public.verify(bytes.fromhex(signature), data)
    except (InvalidSignature, ValueError):
        return False
    return True


def default_key_file() -> Path:
    """Return the default path of the key, in the user's data folder (XDG_DATA_HOME)."""
    home = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(home).expanduser() / "ragkit" / "audit.key"


def read_key(path: Path) -> AuditKey:
    """Read the key in a file. Raises StoreError if the file cannot be read or holds no key."""
    try:
        text = path.read_text(encoding="ascii").strip()
        secret = bytes.fromhex(text)
    except (OSError, ValueError) as error:
        raise StoreError(
            f"cannot read the audit key in {path}: {error}; restore the file from a backup"
        ) from error
    if len(secret) != _KEY_BYTES:
        raise StoreError(
            f"{path} is not an audit key: expected {2 * _KEY_BYTES} hexadecimal digits; restore "
            "the file from a backup"
        )
    return AuditKey(secret)


def load_or_create_key(path: Path) -> AuditKey:
    """Read the key in a file; create it if there is none. Raises StoreError if that fails."""
    if not os.path.exists(path):  # also in a folder without access: then creating fails
        try:
            _create_key(path)
        except OSError as error:
            raise StoreError(
                f"cannot create the audit key in {path}: {error.strerror}; name another file as "
                "audit_key in ragkit.toml, or as RAGKIT_AUDIT_KEY"
            ) from error
    return read_key(path)


def load_keys(paths: Iterable[Path], own: Path) -> dict[str, AuditKey]:
    """Read the keys in files, and the own key of this machine if there is one; by id.

    Raises StoreError for a file that holds no key.
    """
    files = [*([own] if os.path.exists(own) else []), *paths]
    return {key.id: key for key in map(read_key, files)}


def _create_key(path: Path) -> None:
    """Write a new key, unless another process has just done so."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomic(path, secrets.token_hex(_KEY_BYTES).encode() + b"\n", replace=False)
