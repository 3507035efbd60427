"""Doctor: check this machine, the model server and a knowledge base, and suggest fixes."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from ragkit.config import Config
from ragkit.errors import ModelUnreachable, RagkitError
from ragkit.maintenance.check_result import CheckResult

if TYPE_CHECKING:
    from ragkit.embedders.base import Embedder

_OLDEST_SAFE_OLLAMA = "0.17.1"
_CROSS_ENCODER = "cross-encoder/ms-marco-MiniLM-L12-v2"
"""Older servers let anyone read other users' prompts (CVE-2026-7482)."""


def run_doctor(config: Config, kb: Path | None = None) -> list[CheckResult]:
    """Check this machine, and the knowledge base in the directory `kb` unless it is None."""
    checks = [
        *_check_python(),
        *_check_faiss(),
        _check_sqlite(),
        *_check_embedder(config),
        *_check_reranker(config),
        _check_gpu(),
    ]
    checks += [_check_network(config), *_check_model_server(config)]
    if kb is not None:
        checks += _check_kb(kb, config)
    return checks


def _check_python() -> Iterator[CheckResult]:
    found = ".".join(map(str, sys.version_info[:3]))
    yield CheckResult("python", "ok", found)


def _find_version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _check_faiss() -> Iterator[CheckResult]:
    builds = {
        name: found
        for name in ("faiss-cpu", "faiss-gpu", "faiss-gpu-cu12", "faiss-gpu-cu13")
        if (found := _find_version(name))
    }
    if len(builds) > 1:
        names = " ".join(builds)
        yield CheckResult(
            "faiss",
            "fail",
            f"{' and '.join(builds)} are both installed and share the module faiss",
            f'pip uninstall -y {names}, then pip install "ragkit[cpu]" or "ragkit[gpu]"',
        )
    elif builds:
        ((name, found),) = builds.items()
        yield CheckResult("faiss", "ok", f"{name} {found}")
    elif importlib.util.find_spec("faiss"):
        yield CheckResult("faiss", "ok", "installed, but not by pip")
    else:
        yield CheckResult("faiss", "fail", "not installed", 'pip install "ragkit[cpu]"')


def _check_sqlite() -> CheckResult:
    import apsw

    return CheckResult(
        "sqlite", "ok", f"{apsw.sqlite_lib_version()}, with a checksum on every page"
    )


def _check_embedder(config: Config) -> Iterator[CheckResult]:
    from ragkit.embedders.discovery import DEFAULT, compiled_folder, find_model
    from ragkit.embedders.loading import is_on_server, load_by_name
    from ragkit.embedders.openvino import FACTS_FILE, OpenVINOEmbedder

    name = config.embedder or DEFAULT
    if is_on_server(name):
        yield _check_embedder_on_server("embedder", lambda: load_by_name(name, "cpu", config))
        return
    try:
        source = find_model(name)
    except RagkitError as error:
        if (Path(name) / FACTS_FILE).is_file():
            yield CheckResult("embedder", "ok", f"{name}, a compiled folder")
        else:
            yield CheckResult("embedder", "fail", f"{name} is not usable", str(error))
        return
    digest = source.weights_sha256[:12]
    yield CheckResult(
        "embedder", "ok", f"{source.name}, weights {digest}... verified, {source.folder}"
    )
    folder = compiled_folder(source.weights_sha256)
    if not (folder / FACTS_FILE).is_file():
        yield CheckResult(
            "compiled model",
            "warn",
            "not compiled yet; the first ingest compiles it",
            "ragkit ingest FOLDER (about ten seconds, once)",
        )
        return
    try:
        precision = OpenVINOEmbedder(folder).precision
        yield CheckResult("compiled model", "ok", f"{precision}, {folder}")
    except RagkitError as error:
        yield CheckResult("compiled model", "fail", "damaged", str(error))


def _check_embedder_on_server(check: str, load: Callable[[], Embedder]) -> CheckResult:
    """Check an embedder on a model server, which `load` loads."""
    from ragkit.embedders.base import read_facts

    try:
        embedder = load()
    except RagkitError as error:
        return CheckResult(check, "fail", "not usable", str(error))
    facts = read_facts(embedder)
    digest = f"digest {facts.weights_sha256[:12]}..." if facts.weights_sha256 else "no digest"
    url = getattr(embedder, "url", "")
    finding = f"{facts.name}, {digest}, vectors of length {facts.dimension}, {url}"
    return CheckResult(check, "ok", finding)


def _check_reranker(config: Config) -> Iterator[CheckResult]:
    """Check the reranker that a setting names, and how long it takes for one query."""
    from ragkit.embedders.openvino import FACTS_FILE
    from ragkit.rerankers.cross_encoder import CrossEncoder
    from ragkit.rerankers.discovery import find_reranker, reranker_folder
    from ragkit.rerankers.timing import TIMED_TEXTS, time_reranker

    if not config.reranker:
        yield CheckResult(
            "reranker",
            "ok",
            "none; a cross-encoder finds better passages, and without a model better quotes: "
            f'hf download {_CROSS_ENCODER}, and reranker = "{_CROSS_ENCODER}" in the settings',
        )
        return
    folder = Path(config.reranker).expanduser()
    try:
        if not (folder / FACTS_FILE).is_file():
            source = find_reranker(config.reranker)
            folder = reranker_folder(source.digest)
            if not (folder / FACTS_FILE).is_file():
                yield CheckResult(
                    "reranker",
                    "warn",
                    f"{source.name}, {source.folder}, not compiled yet",
                    "ragkit search QUERY (the first search compiles it, about half a minute)",
                )
                return
        reranker = CrossEncoder(folder)
        milliseconds = 1000 * time_reranker(reranker)
    except RagkitError as error:
        yield CheckResult("reranker", "fail", f"{config.reranker} is not usable", str(error))
        return
    yield CheckResult(
        "reranker",
        "ok",
        f"{reranker.name}, {reranker.precision}, {milliseconds:.0f} ms for {TIMED_TEXTS} passages, "
        f"{folder}",
    )


def _check_gpu() -> CheckResult:
    from ragkit.embedders.sentence_transformers import is_cuda_available

    if is_cuda_available():
        return CheckResult("gpu", "ok", "CUDA; documents are embedded on the GPU")
    if Path("/dev/nvidiactl").exists():
        return CheckResult(
            "gpu", "warn", "torch cannot use the GPU of this machine", 'pip install "ragkit[torch]"'
        )
    return CheckResult("gpu", "ok", "none; everything runs on the CPU")


def _check_network(config: Config) -> CheckResult:
    """Check which hosts this process can reach, and that prompts are encrypted on the way."""
    from ragkit.llms.selection import model_server
    from ragkit.network import host_of, on_this_machine, reachable

    hosts = reachable()
    if hosts is None:
        finding = "this process is not restricted; ragkit.restrict_network(config) restricts it"
    else:
        finding = f"this process is restricted to {' and '.join(['this machine', *hosts])}"
    url = model_server(config).url
    if url.startswith("https:") or on_this_machine(host_of(url)):
        return CheckResult("network", "ok", finding)
    return CheckResult(
        "network",
        "warn",
        f"{finding}; questions and passages go to {url} unencrypted",
        "let the server use https, or reach it through a tunnel (ssh -L)",
    )


def _check_model_server(config: Config) -> Iterator[CheckResult]:
    from ragkit.llms.ollama import OllamaServer, is_older
    from ragkit.llms.openai import OpenAIServer
    from ragkit.llms.selection import installed_models, model_server

    server = model_server(config)
    ollama = server if isinstance(server, OllamaServer) else None
    kind = "ollama" if ollama else "model server"
    get = "ollama pull llama3.2" if ollama else "start the server with one"
    try:
        models = installed_models(server=server)
        found = ollama.version() if ollama else ""
    except ModelUnreachable:
        start = f"ollama serve (and once: {get})" if ollama else "start it, or change openai_url"
        yield CheckResult(kind, "warn", f"no server at {server.url}; answers are extractive", start)
        return
    except RagkitError as error:
        yield CheckResult(kind, "warn", f"the server at {server.url} cannot be used", str(error))
        return
    if found and is_older(found, _OLDEST_SAFE_OLLAMA):
        yield CheckResult(
            kind,
            "fail",
            f"{found} at {server.url} lets anyone read other users' prompts",
            f"update Ollama to {_OLDEST_SAFE_OLLAMA} or later",
        )
    else:
        yield CheckResult(kind, "ok", f"{found} at {server.url}" if found else server.url)
    if isinstance(server, OpenAIServer):
        yield CheckResult("forwarding", "ok", server.origins.describe())
    if models:
        yield CheckResult("models", "ok", ", ".join(model.name for model in models))
    else:
        yield CheckResult("models", "warn", "the server has no language model", get)


def _check_kb_embedder(kb: Path, config: Config) -> Iterator[CheckResult]:
    """Check the embedder of a knowledge base if it is on a model server."""
    from ragkit.embedders.loading import is_on_server, load_for_kb
    from ragkit.manifest import read_identity
    from ragkit.store.store import Store

    with closing(Store(kb, create=False)) as store, store.snapshot() as snapshot:
        identity = read_identity(snapshot)
    if identity is not None and is_on_server(identity.embedder.name):
        facts, wanted = identity.embedder, config.embedder or None
        yield _check_embedder_on_server(
            "embedder of the knowledge base", lambda: load_for_kb(facts, wanted, "cpu", config)
        )


def _check_kb(kb: Path, config: Config) -> Iterator[CheckResult]:
    from ragkit.knowledge_base import KnowledgeBase

    if not kb.exists():
        yield CheckResult(
            "knowledge base", "warn", f"none in {kb}", f"ragkit ingest FOLDER --kb {kb}"
        )
        return
    try:
        with KnowledgeBase(kb, config=Config(), create=False) as opened:
            status = opened.status()
            log = opened.audit.verify()
    except RagkitError as error:
        yield CheckResult("knowledge base", "fail", f"{kb} cannot be opened", str(error))
        return
    yield from _check_kb_embedder(kb, config)
    if log.chain.broken is not None:
        yield CheckResult(
            "audit log",
            "fail",
            f"the audit log was changed: {log.chain.problem}",
            "find out who changed it, or restore a backup (ragkit restore)",
        )
    elif log.problems:
        yield CheckResult(
            "audit log",
            "warn",
            "; ".join(log.problems),
            "check them with that key: ragkit audit verify --key FILE",
        )
    if status.language_warning:
        warning, _, fix = status.language_warning.rpartition(": ")
        yield CheckResult("language", "warn", warning, fix)
    finding = f"{status.path}: {status.documents} documents, {status.chunks} chunks"
    if status.file_errors:
        yield CheckResult(
            "knowledge base",
            "warn",
            f"{finding}, {len(status.file_errors)} files could not be read",
            f"list them with: ragkit status --kb {kb}",
        )
    else:
        yield CheckResult("knowledge base", "ok", finding)
