"""What a model takes, against figures that others have published."""

from __future__ import annotations

from typing import Any

import pytest

from ragkit.hardware import estimate_cache_bytes, estimate_model_bytes, measure_memory

KIB, GIB = 1024, 2**30


def info(name: str, layers: int, width: int, heads: int, **more: Any) -> dict[str, Any]:
    own = {
        "block_count": layers,
        "embedding_length": width,
        "attention.head_count": heads,
        **{key.replace("__", "."): value for key, value in more.items()},
    }
    return {"general.architecture": name, **{f"{name}.{key}": v for key, v in own.items()}}


@pytest.mark.parametrize(
    ("model", "kib"),
    [
        (info("llama", 32, 4096, 32, attention__head_count_kv=8), 128),  # Llama 3.1 8B
        (info("llama", 32, 4096, 32), 512),  # Llama 2 7B
        (info("llama", 28, 3072, 24, attention__head_count_kv=8), 112),  # Llama 3.2 3B
        (info("falcon", 32, 4544, 71, attention__head_count_kv=1), 8),  # Falcon 7B
        (info("gpt2", 48, 1600, 25), 300),  # GPT-2 XL
        (info("gptneox", 44, 6144, 64), 1056),  # GPT-NeoX-20B
        (
            info("gemma", 28, 3072, 16, attention__key_length=256, attention__value_length=256),
            448,  # Gemma 7B
        ),
    ],
)
def test_cache_of_one_token_is_what_is_published(model: dict[str, Any], kib: int) -> None:
    assert estimate_cache_bytes(model) == kib * KIB


def test_layers_without_attention_take_no_cache() -> None:
    hybrid = info("granitehybrid", 4, 1024, 8, attention__head_count_kv=[0, 2, 0, 2])
    assert estimate_cache_bytes(hybrid) == 4 * (128 + 128) * 2


def test_latent_attention_keeps_one_vector() -> None:
    model = info("deepseek2", 61, 7168, 128, attention__kv_lora_rank=512)
    model["deepseek2.rope.dimension_count"] = 64
    assert estimate_cache_bytes(model) == 61 * (512 + 64) * 2


def test_whole_need_of_a_well_known_model() -> None:
    """Llama 3.1 8B at Q4_K_M with 8,192 tokens: about 6.4 GiB."""
    needed = estimate_model_bytes(int(8.03e9 * 4.8944 / 8), 128 * KIB, 8192)
    assert needed / GIB == pytest.approx(6.4, abs=0.2)


def test_model_that_says_nothing_takes_its_file_and_some_more() -> None:
    assert estimate_cache_bytes({}) == 0
    assert estimate_model_bytes(10**9, 0, 8192) > 10**9


def test_memory_of_this_machine_is_a_share_of_the_whole() -> None:
    usable, kind = measure_memory()
    assert usable > 100e6
    assert kind in ("memory", "GPU memory")
