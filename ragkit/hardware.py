"""What this machine offers: processor cores, and memory for a model."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

_BUFFERS = 768 * 2**20  # bytes for computing, as Ollama reckons (llm/llama_server.go)
_SHARE = 0.8  # of the memory that a model may take, also Ollama's (server/sched.go)
_HALF = 2  # bytes of a number in the cache of keys and values


def cores() -> int:
    """Return how many cores this process may run on, or how many there are where unknown."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def cache_bytes(info: Mapping[str, Any]) -> int:
    """Bytes that one token of context takes; `info` is /api/show's model_info, 0 if it is bare.

    Layers x (keys + values) x heads x their length x 2; a sliding window is not taken into
    account, so that Gemma's need is overestimated, as Ollama overestimates it.
    """
    name = str(info.get("general.architecture", ""))

    def number(key: str) -> int:
        value = info.get(f"{name}.{key}")
        return int(value) if isinstance(value, int | float) else 0

    layers = number("block_count")
    if rank := number("attention.kv_lora_rank"):  # one latent vector in place of keys and values
        return layers * (rank + number("rope.dimension_count")) * _HALF
    heads = number("attention.head_count") or 1
    width = number("embedding_length") // heads
    key, value = number("attention.key_length") or width, number("attention.value_length") or width
    kept = info.get(f"{name}.attention.head_count_kv")
    if isinstance(kept, list):  # one for each layer; those without attention have none
        total = sum(count for count in kept if isinstance(count, int))
    else:
        total = layers * (number("attention.head_count_kv") or heads)
    return total * (key + value) * _HALF


def needed_bytes(weights: int, per_token: int, num_ctx: int) -> int:
    """What a model takes when it runs: its weights, its cache and room to compute."""
    return weights + per_token * num_ctx + _BUFFERS


@lru_cache(maxsize=1)
def usable_bytes() -> tuple[int, str]:
    """The memory that models may take here and what kind it is: "GPU memory" or "memory"."""
    graphics = _nvidia() or _amd()
    total = graphics or os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return int(total * _SHARE), "GPU memory" if graphics else "memory"


def _nvidia() -> int:
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


def _amd() -> int:
    files = Path("/sys/class/drm").glob("card*/device/mem_info_vram_total")
    try:
        return sum(int(file.read_text()) for file in files)
    except (OSError, ValueError):
        return 0
