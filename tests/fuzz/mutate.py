"""Damage with a seed: bytes that change, vanish or repeat, also inside the members of a ZIP."""

from __future__ import annotations

import io
import random
import zipfile
import zlib

_TOKENS = (
    b"<",
    b">",
    b'"',
    b"\0",
    b"&#0;",
    b"&#xFFFFFF;",
    b"-1",
    b"99999999999",
    b"NaN",
    b"\xff" * 4,
)


def mutate(data: bytes, seed: int) -> bytes:
    """Return the data with some damage; the same seed gives the same damage.

    Half of the damage to a ZIP package is inside one of its members, whose checksum is right again
    then: else a reader would look no further.
    """
    chance = random.Random(seed)
    if data.startswith(b"PK") and chance.random() < 0.5:
        return _mutate_member(data, chance)
    return _mutate_bytes(data, chance)


def _mutate_bytes(data: bytes, chance: random.Random) -> bytes:
    damaged = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4, 8, 32))):
        if not damaged:
            break
        at = chance.randrange(len(damaged))
        length = chance.choice((1, 1, 2, 4, 16, 64, 512))
        match chance.randrange(6):
            case 0:
                damaged[at] ^= 1 << chance.randrange(8)
            case 1:
                damaged[at : at + length] = chance.randbytes(min(length, len(damaged) - at))
            case 2:
                del damaged[at : at + length]
            case 3:
                damaged[at:at] = damaged[at : at + length] * chance.choice((1, 2, 8))
            case 4:
                token = chance.choice(_TOKENS)
                damaged[at : at + len(token)] = token
            case _:
                other = chance.randrange(len(damaged))
                damaged[at : at + length] = damaged[other : other + length]
    return bytes(damaged)


def _mutate_member(data: bytes, chance: random.Random) -> bytes:
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(data)) as package,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as damaged,
    ):
        members = package.infolist()
        chosen = chance.choice(members)
        for member in members:
            try:
                content = package.read(member)
            except (zipfile.BadZipFile, zlib.error):  # the original is a damaged one
                continue
            if member is not chosen:
                damaged.writestr(member.filename, content)
            elif chance.random() < 0.9:  # else the member is missing
                damaged.writestr(member.filename, _mutate_bytes(content, chance))
    return buffer.getvalue()
