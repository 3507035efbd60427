"""Says what runs where on this machine, and how to mend what does not."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ragkit.config import Config
from ragkit.errors import ModelUnreachable, RagkitError

_TAGS_FLOOR = "0.17.1"  # CVE-2026-7482: older Ollama servers can be read from without a login


@dataclass(frozen=True, slots=True)
class Check:
    """One finding: `state` is ok, warn or fail; `fix` says what to do unless it is ok."""

    name: str
    state: str
    finding: str
    fix: str = ""


def run_doctor(config: Config, kb: Path | None = None) -> list[Check]:
    """All checks of this machine, and of the base in `kb` if there is one."""
    checks = [*_python(), *_faiss(), _sqlite(), *_embedder(config), _gpu()]
    checks += [_network(config), *_model_server(config)]
    if kb is not None:
        checks += _base(kb)
    return checks


def _python() -> Iterator[Check]:
    found = ".".join(map(str, sys.version_info[:3]))
    yield Check("python", "ok", found)


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _faiss() -> Iterator[Check]:
    builds = {
        name: found
        for name in ("faiss-cpu", "faiss-gpu", "faiss-gpu-cu12", "faiss-gpu-cu13")
        if (found := _installed(name))
    }
    if len(builds) > 1:
        names = " ".join(builds)
        yield Check(
            "faiss",
            "fail",
            f"{' and '.join(builds)} are both installed and share the module faiss",
            f'pip uninstall -y {names}, then pip install "ragkit[cpu]" or "ragkit[gpu]"',
        )
    elif builds:
        ((name, found),) = builds.items()
        yield Check("faiss", "ok", f"{name} {found}")
    elif importlib.util.find_spec("faiss"):
        yield Check("faiss", "ok", "a build of your own")
    else:
        yield Check("faiss", "fail", "not installed", 'pip install "ragkit[cpu]"')


def _sqlite() -> Check:
    import apsw

    return Check("sqlite", "ok", f"{apsw.sqlite_lib_version()}, with a checksum on every page")


def _embedder(config: Config) -> Iterator[Check]:
    from ragkit.embedders.discovery import DEFAULT, compiled_folder, find
    from ragkit.embedders.openvino import FACTS_FILE, OpenVINOEmbedder

    name = config.embedder or DEFAULT
    try:
        source = find(name)
    except RagkitError as error:
        if (Path(name) / FACTS_FILE).is_file():
            yield Check("embedder", "ok", f"{name}, a compiled folder")
        else:
            yield Check("embedder", "fail", f"{name} is not usable", str(error))
        return
    digest = source.weights_sha256[:12]
    yield Check("embedder", "ok", f"{source.name}, weights {digest}... verified, {source.folder}")
    folder = compiled_folder(source.weights_sha256)
    if not (folder / FACTS_FILE).is_file():
        yield Check(
            "compiled model",
            "warn",
            "not yet; the first ingest compiles it",
            "ragkit ingest FOLDER (about ten seconds, once)",
        )
        return
    try:
        precision = OpenVINOEmbedder(folder).precision
        yield Check("compiled model", "ok", f"{precision}, {folder}")
    except RagkitError as error:
        yield Check("compiled model", "fail", "damaged", str(error))


def _gpu() -> Check:
    from ragkit.embedders.sentence_transformers import cuda_available

    if cuda_available():
        return Check("gpu", "ok", "CUDA; documents are embedded on it")
    if Path("/dev/nvidiactl").exists():
        return Check(
            "gpu", "warn", "there is one, but torch cannot use it", 'pip install "ragkit[torch]"'
        )
    return Check("gpu", "ok", "none; everything runs on the processor")


def _network(config: Config) -> Check:
    """What this process may reach, and whether others on the way can read what it sends."""
    from ragkit.llms.selection import model_server
    from ragkit.network import host_of, on_this_machine, reachable

    hosts = reachable()
    if hosts is None:
        finding = "not restricted in this process; ragkit.restrict_network(config) does it"
    else:
        finding = f"this process is kept to {' and '.join(['this machine', *hosts])}"
    url = model_server(config).url
    if url.startswith("https:") or on_this_machine(host_of(url)):
        return Check("network", "ok", finding)
    return Check(
        "network",
        "warn",
        f"{finding}; questions and passages go to {url} unencrypted",
        "have it answer by https, or through a tunnel that begins on this machine (ssh -L)",
    )


def _model_server(config: Config) -> Iterator[Check]:
    from ragkit.llms.ollama import OllamaServer, is_older
    from ragkit.llms.selection import model_server

    server = model_server(config)
    ollama = server if isinstance(server, OllamaServer) else None
    kind = "ollama" if ollama else "model server"
    get = "ollama pull llama3.2" if ollama else "start the server with one"
    try:
        models = server.models()
        found = ollama.version() if ollama else ""
    except ModelUnreachable:
        start = f"ollama serve (and once: {get})" if ollama else "start it, or change openai_url"
        yield Check(kind, "warn", f"no server at {server.url}; answers are extractive", start)
        return
    except RagkitError as error:
        yield Check(kind, "warn", f"the server at {server.url} cannot be used", str(error))
        return
    if found and is_older(found, _TAGS_FLOOR):
        yield Check(
            kind,
            "fail",
            f"{found} at {server.url} gives away other users' prompts",
            "update Ollama",
        )
    else:
        yield Check(kind, "ok", f"{found} at {server.url}" if found else server.url)
    if models:
        yield Check("models", "ok", ", ".join(model.name for model in models))
    else:
        yield Check("models", "warn", "none installed", get)


def _base(kb: Path) -> Iterator[Check]:
    from ragkit.knowledge_base import KnowledgeBase

    if not kb.exists():
        yield Check("base", "warn", f"none in {kb}", f"ragkit ingest FOLDER --kb {kb}")
        return
    try:
        with KnowledgeBase(kb, config=Config(), create=False) as base:
            status = base.status()
            log = base.audit.verify()
    except RagkitError as error:
        yield Check("base", "fail", f"{kb} cannot be opened", str(error))
        return
    if log.chain.broken is not None:
        yield Check(
            "audit",
            "fail",
            f"the base's log was changed: {log.chain.why}",
            "find out who changed it, or restore the base from a backup",
        )
    elif log.problems:
        yield Check(
            "audit",
            "warn",
            f"the base's log: {'; '.join(log.problems)}",
            "ragkit audit verify --key FILE checks them with that key",
        )
    finding = f"{status.path}: {status.documents} documents, {status.chunks} chunks"
    if status.file_errors:
        yield Check(
            "base",
            "warn",
            f"{finding}, {len(status.file_errors)} files not read",
            f"ragkit status --kb {kb} names them",
        )
    else:
        yield Check("base", "ok", finding)
