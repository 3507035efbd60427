"""One module decides, one reads: what may pass by the label clause is named here, with its reason.

Who adds a place that reads documents must either go through `Store.view` or say here why not.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import ragkit
from ragkit import KnowledgeBase, View
from tests.access.test_rules import ASKED
from tests.access.worlds import GLANCES, NOT_TOLD

ROOT = Path(ragkit.__file__).parents[1]
PACKAGES = ("ragkit", "apps/ragkit_apps", "ingest/ragkit_ingest")
PUBLIC = {*ragkit.__all__, "__version__", "errors", "governance", "llms", "maintenance"}
"""What the apps may import from ragkit: names and public modules."""
CONTENT = {"chunk", "page", "vector", "document"}
_TABLES = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE|TABLE)\s+(\w+)")

VECTOR_SEARCH = {
    "ragkit/retrieval/retriever.py": "searches, with a snapshot that says what may be read",
    "ragkit/retrieval/components.py": "makes the one retriever of a base",
    "ragkit/document_writer.py": "brings the indexes up to date",
    "ragkit/ingestion/indexing.py": "brings the indexes up to date",
    "ragkit/maintenance/restore.py": "brings the indexes up to date",
    "ragkit/maintenance/verify.py": "compares the indexes with the database",
    "ragkit/maintenance/repair.py": "rebuilds the indexes",
    "ragkit/governance/access_control.py": "makes the vector index exact for strict access",
    "ragkit/governance/erasure_proof.py": "removes documents from the indexes",
}
"""Modules that import the vector search or the word search."""

SHARED = {"base", "checksums"}
"""Modules of the indexes that search nothing."""

CONTENT_SQL = {
    "ragkit/store/snapshot.py": "the snapshot, with the label clause",
    "ragkit/store/writer.py": "writes",
    "ragkit/store/checks.py": "looks for damage, for whoever keeps the base",
    "ragkit/store/salvage.py": "copies what is not damaged",
    "ragkit/maintenance/repair.py": "asks for ids alone, for whoever keeps the base",
    "ragkit/maintenance/verify.py": "looks for damage, for whoever keeps the base",
    "ragkit/index/tantivy_index.py": "compares ids with the index",
}
"""Modules that name a table of content in SQL."""

GRANT_SQL = {
    "ragkit/store/access.py": "decides",
    "ragkit/store/snapshot.py": "lists grants for whoever keeps the base",
    "ragkit/store/writer.py": "grants and revokes",
}

EVERYTHING = {
    ("ragkit/store/store.py", "Store.view"): "restricts it at once",
    ("ragkit/governance/access_control.py", "AccessControl.mode"): "reads the access control mode",
    ("ragkit/governance/access_control.py", "AccessControl.labels"): "for whoever keeps the base",
    (
        "ragkit/governance/access_control.py",
        "AccessControl.documents",
    ): "for whoever keeps the base",
    ("ragkit/governance/access_control.py", "AccessControl.summary"): "for whoever keeps the base",
    ("ragkit/governance/guarded_store.py", "GuardedStore.open_list"): "lists, for the owner",
    ("ragkit/knowledge_base.py", "KnowledgeBase.dump"): "for whoever keeps the base",
    ("ragkit/knowledge_base.py", "KnowledgeBase.erasure_plan"): "for whoever keeps the base",
    ("ragkit/knowledge_base.py", "KnowledgeBase.receipt"): "for whoever keeps the base",
    ("ragkit/governance/retention.py", "Retention.rules"): "for whoever keeps the base",
    ("ragkit/governance/retention.py", "Retention.holds"): "for whoever keeps the base",
    ("ragkit/governance/retention.py", "Retention.expired"): "for whoever keeps the base",
    ("ragkit/governance/retention.py", "Retention.clock_problem"): "looks at times alone",
    ("ragkit/governance/audit_log.py", "AuditLog.holds"): "for whoever keeps the base",
    ("ragkit/maintenance/backup.py", "back_up"): "copies everything, for whoever keeps the base",
    ("ragkit/maintenance/restore.py", "_count_lost_records"): "compares two audit logs",
    ("ragkit/maintenance/restore.py", "restore_kb"): "counts, for an administrator",
    (
        "ragkit/maintenance/restore.py",
        "_read_replaced",
    ): "compares the access rules of two knowledge bases",
    (
        "ragkit/maintenance/verify.py",
        "verify_store",
    ): "looks for damage, for whoever keeps the base",
    ("ragkit/maintenance/verify.py", "_check_uploads"): "looks for damage, for the owner",
    ("ragkit/maintenance/verify.py", "_check_index"): "looks for damage, for the owner",
    ("ragkit/maintenance/verify.py", "find_strays"): "looks for files that belong to nothing",
    ("ragkit/governance/audit_log.py", "AuditLog.records"): "for whoever keeps the base",
    ("ragkit/governance/audit_log.py", "AuditLog.verify"): "for whoever keeps the base",
    ("ragkit/turns.py", "TurnLog._find_uids"): "ids of what an answer rests on, to be "
    "kept with it and compared with what may be read",
}
"""Calls of Store.snapshot, which restricts nothing."""

WRITERS = {
    "ragkit/store/store.py": "Store.snapshot itself",
    "ragkit/ingestion/pipeline.py": "an ingest compares with everything that is stored",
    "ragkit/ingestion/commit.py": "looks up erased contents",
    "ragkit/ingestion/label_rules.py": "relabels, for whoever keeps the base",
    "ragkit/document_writer.py": "adds and removes documents, for the owner",
    "ragkit/governance/access_control.py": "labels, for whoever keeps the base",
    "ragkit/governance/audit_log.py": "signs the log's end",
    "ragkit/governance/erasure.py": "erases, for whoever keeps the base",
    "ragkit/governance/erasure_proof.py": "proves an erasure, for whoever keeps the base",
    "ragkit/governance/retention.py": "erases by age, for whoever keeps the base",
    "ragkit/maintenance/restore.py": "restores, for whoever keeps the base",
    "ragkit/maintenance/verify.py": "looks for damage, for whoever keeps the base",
    "ragkit/maintenance/repair.py": "repairs, for whoever keeps the base",
    "ragkit/maintenance/restored_access.py": "sets the access rules of a restored knowledge base",
    "ragkit/index/faiss_index.py": "builds an index of everything",
    "ragkit/index/tantivy_index.py": "builds an index of everything",
    "ragkit/index/bm25_search.py": "asks what the base is like now, for an index of everything",
}
"""Modules that make a snapshot of their own."""

WIDENED = {
    ("ragkit/retrieval/retriever.py", "Retriever._places_of"): "places are kept for all, "
    "and looked up among what may be read at each search",
    (
        "ragkit/index/bm25_search.py",
        "BM25Search._make_view",
    ): "an index in memory for all, searched with the labels that may be read",
}
"""Calls of restricted(None), which make a restricted snapshot see everything."""

UNRESTRICTED = {
    "all_file_errors": {
        "ragkit/maintenance/status.py",  # where it sees all
        "ragkit/maintenance/export.py",
        "ragkit/governance/erasure.py",
        "ragkit/governance/erasure_plan.py",
    },
    "source_folders": {
        "ragkit/maintenance/status.py",  # where it sees all
        "ragkit/ingestion/source_files.py",  # the folder of a document that may be read
        "ragkit/store/labels.py",
        "ragkit/maintenance/export.py",
        "ragkit/ingestion/pipeline.py",
        "ragkit/ingestion/label_rules.py",
        "ragkit/document_writer.py",
        "ragkit/governance/erasure_plan.py",
    },
    "file_errors": {"ragkit/ingestion/plan.py"},
    "known_files": {"ragkit/ingestion/plan.py", "ragkit/document_writer.py"},
    "labels_of": {"ragkit/ingestion/label_rules.py"},
    "label_ids": {"ragkit/store/snapshot.py"},  # ids of the names that are asked for
    "lexical_rows": {
        "ragkit/index/tantivy_schema.py",
        "ragkit/index/tantivy_index.py",
    },  # of documents that a snapshot listed
    "changes_since": {
        "ragkit/index/bm25_search.py",
        "ragkit/index/tantivy_index.py",
    },  # ids, for all
    "history": {
        "ragkit/index/tantivy_index.py",
        "ragkit/index/tantivy_parts.py",
        "ragkit/governance/audit_log.py",
        "ragkit/maintenance/restore.py",
    },
    "uids_of": {"ragkit/turns.py", "ragkit/governance/retention.py"},
    "versions_of": {
        "ragkit/governance/audit_log.py",
        "ragkit/governance/erasure_proof.py",
        "ragkit/governance/erasure_plan.py",
    },
    "vectors": {  # of chunks that were found
        "ragkit/index/vector_search.py",
        "ragkit/maintenance/export.py",
        "ragkit/governance/erasure.py",
    },
    "vectors_after": {"ragkit/index/faiss_index.py", "ragkit/index/vector_search.py"},
    "vectors_by_digest": {"ragkit/ingestion/embedding.py"},
    "vector_count": {"ragkit/index/faiss_index.py"},
    "vector_dimension": {"ragkit/index/faiss_index.py", "ragkit/index/vector_search.py"},
    "index_version": {
        "ragkit/index/faiss_index.py",
        "ragkit/index/vector_search.py",
        "ragkit/index/tantivy_index.py",
    },
    "tombstones": {"ragkit/index/faiss_index.py", "ragkit/index/vector_search.py"},
    "conversations": {
        "ragkit/view.py",
        "ragkit/knowledge_base.py",
        "ragkit/governance/guarded_store.py",
        "ragkit/governance/erasure_plan.py",
    },  # with a name; to be erased
    "turns": {
        "ragkit/turns.py",
        "ragkit/governance/erasure_plan.py",
    },  # of one's own; to be erased
    "title": {"ragkit/turns.py"},  # of a conversation that is one's own
    "outcomes": {"ragkit/maintenance/statistics.py"},
    "meta": {
        "ragkit/store/snapshot.py",
        "ragkit/manifest.py",
        "ragkit/governance/audit_log.py",
        "ragkit/governance/erasure.py",
        "ragkit/governance/erasure_proof.py",
        "ragkit/maintenance/backup.py",
    },
    "past_erasures": {"ragkit/maintenance/restore.py"},
    "is_erased": {
        "ragkit/governance/erasure.py",
        "ragkit/governance/erasure_plan.py",
        "ragkit/maintenance/repair.py",
    },
    "everything": {"ragkit/governance/erasure_proof.py"},  # compared with what is to be erased
    "turns_resting_on": {"ragkit/governance/erasure_plan.py"},
    "open_erasures": {"ragkit/governance/erasure.py", "ragkit/maintenance/verify.py"},
    "erased_at": {
        "ragkit/ingestion/plan.py",
        "ragkit/ingestion/commit.py",
        "ragkit/governance/erasure.py",
        "ragkit/store/snapshot.py",
    },
    "erased": {"ragkit/governance/erasure_proof.py", "ragkit/store/snapshot.py"},
    "erased_contents": {"ragkit/store/snapshot.py"},
    "erased_uids": {"ragkit/governance/erasure_proof.py", "ragkit/store/snapshot.py"},
    "find_question_records": {
        "ragkit/governance/erasure_plan.py"
    },  # questions that go with what they rest on
    "names_of": {"ragkit/governance/erasure.py"},
    "receipt_of": {"ragkit/governance/erasure.py"},
    "receipt": {"ragkit/knowledge_base.py", "ragkit/governance/erasure.py"},
    "keep_days": {"ragkit/governance/retention.py", "ragkit/maintenance/restored_access.py"},
    "pinned": {"ragkit/maintenance/restored_access.py"},
    "holds": {
        "ragkit/governance/retention.py",
        "ragkit/ingestion/plan.py",
        "ragkit/governance/erasure_plan.py",
        "ragkit/maintenance/restored_access.py",
    },
    "times_since_retention_run": {"ragkit/governance/retention.py"},
    "only": {"ragkit/store/store.py", "ragkit/governance/guarded_store.py"},
    "restricted": {
        "ragkit/store/store.py",
        "ragkit/store/snapshot.py",
        "ragkit/governance/access_control.py",
        "ragkit/retrieval/retriever.py",  # WIDENED
        "ragkit/index/bm25_search.py",  # WIDENED
    },
}
"""What a Snapshot gives without the label clause, and the only modules that ask it for that."""


@cache
def modules() -> dict[str, ast.Module]:
    """All modules of the product by their path, parsed."""
    paths = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    return {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text()) for path in paths}


def nodes() -> Iterator[tuple[str, str, ast.AST]]:
    """(module, function that it stands in, node) for every piece of every module."""

    def within(node: ast.AST, name: str) -> Iterator[tuple[str, ast.AST]]:
        for child in ast.iter_child_nodes(node):
            inner = name
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                inner = f"{name}.{child.name}".lstrip(".")
            yield inner, child
            yield from within(child, inner)

    for module, tree in modules().items():
        for name, node in within(tree, ""):
            yield module, name, node


def calls() -> Iterator[tuple[str, str, ast.Call]]:
    for module, name, node in nodes():
        if isinstance(node, ast.Call):
            yield module, name, node


def imported(tree: ast.Module) -> set[str]:
    """The full names of all that a module imports, wherever it does."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def naming(tables: set[str]) -> set[str]:
    """The modules in which SQL names one of these tables."""
    return {
        module
        for module, tree in modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and tables.intersection(_TABLES.findall(node.value))
    }


def test_only_named_modules_reach_the_vector_search_and_the_word_search() -> None:
    own_modules = {path.stem for path in (ROOT / "ragkit" / "index").glob("[!_]*.py")}
    searches = tuple(f"ragkit.index.{name}" for name in sorted(own_modules - SHARED))
    libraries = {
        "faiss": ("ragkit.index.faiss_files",),
        "tantivy": tuple(name for name in searches if "tantivy" in name or "bm25" in name),
    }
    found = set()
    for module, tree in modules().items():
        own = module.removesuffix(".py").replace("/", ".")
        for name in imported(tree):
            if name.startswith(searches) and own not in searches:
                found.add(module)
            allowed = libraries.get(name.split(".")[0], (own,))
            assert own in allowed, f"{module} imports {name}"
    assert found == VECTOR_SEARCH.keys()


def test_only_named_modules_have_sql_about_content_or_grants() -> None:
    assert naming(CONTENT) == CONTENT_SQL.keys()
    assert naming({"label_grant"}) == GRANT_SQL.keys()


def test_a_snapshot_of_everything_is_taken_only_where_the_reason_is_known() -> None:
    found = {
        (module, name)
        for module, name, node in nodes()
        if isinstance(node, ast.Attribute) and node.attr == "snapshot"
    }
    made, widened = set(), set()
    for module, name, call in calls():
        function = ast.unparse(call.func)
        if function == "Snapshot":
            made.add(module)
        elif function.endswith(".restricted") and ast.unparse(call).endswith("(None)"):
            widened.add((module, name))
    assert found == EVERYTHING.keys()
    assert made == WRITERS.keys()
    assert widened == WIDENED.keys()


def test_what_a_snapshot_gives_is_restricted_or_asked_for_by_few() -> None:
    reader = modules()["ragkit/store/snapshot.py"]
    (snapshot,) = (n for n in reader.body if getattr(n, "name", "") == "Snapshot")
    methods = {n.name: ast.unparse(n) for n in ast.walk(snapshot) if isinstance(n, ast.FunctionDef)}
    public = {name for name in methods if not name.startswith("_")}
    restricted = {name for name in public if "self._label_clause()" in methods[name]}
    assert restricted == {*ASKED, "counts"}
    assert public - restricted == {*UNRESTRICTED, *_OF_ITSELF}
    asked: dict[str, set[str]] = {name: set() for name in UNRESTRICTED}
    for module, _, call in calls():
        if isinstance(call.func, ast.Attribute) and call.func.attr in asked:
            asked[call.func.attr].add(module)
    for name, allowed in UNRESTRICTED.items():
        assert asked[name] == allowed | _NAMESAKES.get(name, set()), name


_OF_ITSELF = {"has_whole_log", "is_strict", "has_every_label", "connection"}
"""What a snapshot says of itself."""

_NAMESAKES = {
    "holds": {"apps/ragkit_apps/cli/erasure.py"},
    "receipt": {"apps/ragkit_apps/cli/erasure.py"},
    "conversations": {
        "apps/ragkit_apps/cli/ask.py",
        "apps/ragkit_apps/ui/components/conversations.py",
    },
    "turns": {
        "ragkit/conversation.py",
        "apps/ragkit_apps/cli/chat.py",
        "apps/ragkit_apps/cli/ask.py",
        "apps/ragkit_apps/ui/pages/ask.py",
        "apps/ragkit_apps/ui/components/conversations.py",
    },
}
"""Modules that call another thing of that name: a View's, or a Conversation's."""


@pytest.mark.parametrize(
    "module",
    [
        "ragkit/governance/guarded_store.py",
        "ragkit/view.py",
        "ragkit/conversation.py",
        "ragkit/turns.py",
    ],
)
def test_a_view_reaches_documents_through_store_view_alone(module: str) -> None:
    """In all that a principal calls, the store is asked for a view, and else only to record."""
    asked = {
        (name, call.func.attr)
        for where, name, call in calls()
        if where == module
        and isinstance(call.func, ast.Attribute)
        and ast.unparse(call.func.value).endswith("_store")
    }
    views = {name for name, method in asked if method == "view"}
    assert views == ({"GuardedStore.open"} if module.endswith("guarded_store.py") else set())
    others = {method for name, method in asked if (module, name) not in EVERYTHING}
    assert others <= {"view", "recorder"}


def test_one_function_says_which_labels_somebody_may_read() -> None:
    found = {
        (module, name)
        for module, name, call in calls()
        if ast.unparse(call.func).endswith("allowed_labels")
    }
    assert found == {
        ("ragkit/store/store.py", "Store.view"),
        ("ragkit/governance/access_control.py", "AccessControl.summary"),
    }


def test_every_public_part_of_a_view_is_looked_at_for_canaries() -> None:
    methods = {name for name in dir(View) if not name.startswith("_")}
    assert methods | {"config"} == {*GLANCES, *NOT_TOLD}


def test_only_whoever_keeps_the_base_has_more_than_a_view() -> None:
    more = {name for name in set(dir(KnowledgeBase)) - set(dir(View)) if not name.startswith("_")}
    assert more == {
        "add_documents",
        "as_principal",
        "backup",
        "close",
        "dump",
        "erasure_plan",
        "erase",
        "ingest",
        "receipt",
        "remove",
        "repair",
        "uploads",
        "verify",
        "view",
    }


def test_the_page_and_the_command_line_reach_a_base_through_ragkit_alone() -> None:
    for module, tree in modules().items():
        if module.startswith("apps/"):
            inner = {name for name in imported(tree) if name.startswith("ragkit.")}
            assert {name.split(".")[1] for name in inner} <= PUBLIC, module
