from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from ragkit.errors import StoreError
from ragkit.store.keys import load_or_create_key, read_key


def test_the_key_is_created_once_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "home" / "ragkit" / "audit.key"
    key = load_or_create_key(path)
    assert load_or_create_key(path) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(path.parent) == ["audit.key"]
    assert key.secret.hex() not in repr(key)


@pytest.mark.parametrize("content", ["", "no key", "00" * 31, "00" * 33, "gg" * 32])
def test_other_content_is_not_a_key(tmp_path: Path, content: str) -> None:
    (tmp_path / "audit.key").write_text(content)
    with pytest.raises(StoreError, match="audit"):
        read_key(tmp_path / "audit.key")


def test_a_key_that_cannot_be_created_is_an_error_that_names_the_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="RAGKIT_AUDIT_KEY"):
        load_or_create_key(tmp_path / "file" / "audit.key")
