"""The hardware of this machine: processor cores, and memory for language models."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

_COMPUTE_BUFFERS = 768 * 2**20  # bytes, as Ollama estimates (llm/llama_server.go)
_USABLE_SHARE = 0.8  # of the memory that a model may take, also Ollama's (server/sched.go)
_CACHE_NUMBER_BYTES = 2  # keys and values are cached as float16


def count_cores() -> int:
    """Return how many cores this process may run on, or how many there are where unknown."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def estimate_cache_bytes(info: Mapping[str, Any]) -> int:
    """Return the bytes of cache per token of context, 0 if `info` lacks the architecture.

    `info` is the model_info of Ollama's /api/show. The formula is layers x (key length + value
    length) x KV heads x 2 bytes. A sliding window is ignored, as in Ollama, which overestimates
    Gemma's need.
    """
    name = str(info.get("general.architecture", ""))

    def number(key: str) -> int:
        value = info.get(f"{name}.{key}")
        return int(value) if isinstance(value, int | float) else 0

    layers = number("block_count")
    if rank := number("attention.kv_lora_rank"):  # one latent vector in place of keys and values
        return layers * (rank + number("rope.dimension_count")) * _CACHE_NUMBER_BYTES
    heads = number("attention.head_count") or 1
    width = number("embedding_length") // heads
    key, value = number("attention.key_length") or width, number("attention.value_length") or width
    kv_heads = info.get(f"{name}.attention.head_count_kv")
    if isinstance(kv_heads, list):  # one per layer; 0 or None for layers without attention
        total = sum(count for count in kv_heads if isinstance(count, int))
    else:
        total = layers * (number("attention.head_count_kv") or heads)
    return total * (key + value) * _CACHE_NUMBER_BYTES


def estimate_model_bytes(weights: int, per_token: int, num_ctx: int) -> int:
    """Return the memory of a running model in bytes: weights, cache and compute buffers.

    `weights` is the size of its file, `per_token` its cache per token in bytes, and `num_ctx` its
    context in tokens.
    """
    return weights + per_token * num_ctx + _COMPUTE_BUFFERS


@lru_cache(maxsize=1)
def measure_memory() -> tuple[int, str]:
    """Return how many bytes models may use here, and the kind: "GPU memory" or "memory".

    That is a share of the memory of all GPUs, or of main memory without one.
    """
    graphics = _measure_nvidia() or _measure_amd()
    total = graphics or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return int(total * _USABLE_SHARE), "GPU memory" if graphics else "memory"


def _measure_nvidia() -> int:
    """Return the memory of all NVIDIA GPUs in bytes, 0 if nvidia-smi finds none."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return 0
    try:
        found = subprocess.run(  # noqa: S603  a fixed command
            [program, "--query-gpu=memory.total", "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
        return sum(int(line) for line in found.stdout.split()) * 2**20
    except (OSError, ValueError, subprocess.SubprocessError):
        return 0


def _measure_amd() -> int:
    """Return the memory of all AMD GPUs in bytes, as their Linux driver reports it, else 0."""
    files = Path("/sys/class/drm").glob("card*/device/mem_info_vram_total")
    try:
        return sum(int(file.read_text()) for file in files)
    except (OSError, ValueError):
        return 0
