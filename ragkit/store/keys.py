"""The audit key: a secret of this machine's, outside every base, that signs what is logged."""

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
    """Signs records of the log: whoever has not got it can neither change nor add one unseen."""

    secret: bytes = field(repr=False)

    @property
    def id(self) -> str:
        """What tells one key from another, and nothing of the key: 16 hexadecimal digits."""
        return self._derived(b"id")[:8].hex()

    def sign(self, data: bytes) -> bytes:
        """The HMAC-SHA256 of `data`, 32 bytes."""
        return hmac.digest(self._derived(b"chain"), data, hashlib.sha256)

    @property
    def public_key(self) -> str:
        """The public key of what `sign_ed25519` gives, in hexadecimal digits."""
        return self._signer().public_key().public_bytes_raw().hex()

    def sign_ed25519(self, data: bytes) -> str:
        """An Ed25519 signature, which whoever has the public key can check; hexadecimal."""
        return self._signer().sign(data).hex()

    def _signer(self) -> Ed25519PrivateKey:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        return Ed25519PrivateKey.from_private_bytes(self._derived(b"signature"))

    def digest(self, text: str) -> str:
        """What tells whether a text is this one, to whoever has the key: 32 hexadecimal digits."""
        data = text.encode("utf-8", "surrogatepass")
        return hmac.digest(self._derived(b"text"), data, hashlib.sha256)[:16].hex()

    def _derived(self, purpose: bytes) -> bytes:
        """A secret for one purpose, which says nothing of those for others."""
        return hmac.digest(self.secret, b"ragkit audit " + purpose, hashlib.sha256)


def verify_ed25519(data: bytes, signature: str, public_key: str) -> bool:
    """Whether the key that belongs to a public one signed this very data."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
        public.verify(bytes.fromhex(signature), data)
    except (InvalidSignature, ValueError):
        return False
    return True


def default_key_file() -> Path:
    """Where the key is, unless a setting says otherwise: in the user's data folder."""
    home = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(home).expanduser() / "ragkit" / "audit.key"


def read_key(path: Path) -> AuditKey:
    """The key in a file. Raises StoreError if it cannot be read, or is none."""
    try:
        text = path.read_text(encoding="ascii").strip()
        secret = bytes.fromhex(text)
    except (OSError, ValueError) as error:
        raise StoreError(f"the audit key in {path} cannot be read: {error}") from error
    if len(secret) != _KEY_BYTES:
        raise StoreError(f"{path} holds no audit key, which is {2 * _KEY_BYTES} hexadecimal digits")
    return AuditKey(secret)


def load_or_create_key(path: Path) -> AuditKey:
    """The key in a file, made there if there is none. Raises StoreError where that fails."""
    if not os.path.exists(path):  # or its folder cannot be looked into: then it cannot be made
        try:
            _create_key(path)
        except OSError as error:
            raise StoreError(
                f"cannot keep the audit key in {path}: {error.strerror}; name another file as "
                "audit_key in ragkit.toml, or as RAGKIT_AUDIT_KEY"
            ) from error
    return read_key(path)


def load_keys(paths: Iterable[Path], own: Path) -> dict[str, AuditKey]:
    """The keys in files, by their ids, and this machine's own if there is one.

    Raises StoreError for a file that holds no key.
    """
    files = [*([own] if os.path.exists(own) else []), *paths]
    return {key.id: key for key in map(read_key, files)}


def _create_key(path: Path) -> None:
    """Write a new key, unless another process has just done so."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomic(path, secrets.token_hex(_KEY_BYTES).encode() + b"\n", replace=False)
