"""One module decides, one reads: what may pass by the document clause is named here with a reason.

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
CONTENT = {"chunk", "page", "vector", "spare_vector", "document"}
_TABLES = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE|TABLE)\s+(\w+)")

VECTOR_SEARCH = {
    "ragkit/retrieval/retriever.py": "searches, with a snapshot that says what may be read",
    "ragkit/retrieval/prior.py": "searches, with a snapshot that says what may be read",
    "ragkit/retrieval/missing_terms.py": "searches, with a snapshot that says what may be read",
    "ragkit/retrieval/verbatim.py": "searches, with a snapshot that says what may be read",
    "ragkit/retrieval/components.py": "makes the one retriever of a base",
    "ragkit/document_writer.py": "brings the indexes up to date",
    "ragkit/ingestion/indexing.py": "brings the indexes up to date",
    "ragkit/maintenance/restore.py": "brings the indexes up to date",
    "ragkit/maintenance/verify.py": "compares the indexes with the database",
    "ragkit/maintenance/repair.py": "rebuilds the indexes",
    "ragkit/maintenance/reembedding.py": "builds the index of the second set of vectors",
    "ragkit/governance/access_control.py": "makes the vector index exact for strict access",
    "ragkit/governance/erasure_proof.py": "removes documents from the indexes",
}
"""Modules that import the vector search or the word search."""

SHARED = {"base", "checksums"}
"""Modules of the indexes that search nothing."""

CONTENT_SQL = {
    "ragkit/store/documents.py": "documents, with the document clause",
    "ragkit/store/document_writer.py": "writes documents",
    "ragkit/store/chunks.py": "chunks and pages, with the document clause",
    "ragkit/store/vectors.py": "vectors of chunks that were found",
    "ragkit/store/spare_vectors.py": "writes the second set of vectors",
    "ragkit/store/labels.py": "labels of documents",
    "ragkit/store/access.py": "counts the documents of a label",
    "ragkit/store/retention.py": "names of documents on legal hold",
    "ragkit/store/source_folders.py": "names of uploads",
    "ragkit/store/source_folder_writer.py": "moves documents of a folder",
    "ragkit/store/erasure_writer.py": "folders of documents that are erased",
    "ragkit/store/repairs.py": "clears damaged documents",
    "ragkit/store/checks.py": "looks for damage, for whoever keeps the base",
    "ragkit/store/salvage.py": "copies what is not damaged",
}
"""Modules that name a table of content in SQL."""

GRANT_SQL = {"ragkit/store/access.py": "decides, grants and revokes"}

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
    ("ragkit/governance/retention.py", "Retention.find_expired"): "for whoever keeps the base",
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
    ("ragkit/maintenance/reembedding.py", "Reembedding.run"): "for whoever keeps the base",
    ("ragkit/maintenance/reembedding.py", "Reembedding.undo"): "for whoever keeps the base",
    ("ragkit/maintenance/reembedding.py", "Reembedding.finish"): "for whoever keeps the base",
    ("ragkit/maintenance/reembedding.py", "Reembedding._embed_missing"): "embeds every chunk",
    ("ragkit/maintenance/reembedding.py", "Reembedding._read_missing"): "embeds every chunk",
    ("ragkit/maintenance/reembedding.py", "Reembedding._count_missing"): "counts chunks",
    (
        "ragkit/maintenance/reembedding.py",
        "Reembedding._compare",
    ): "returns shares of the owner's own questions, no text",
    ("ragkit/doctor.py", "_check_kb_embedder"): "reads which embedder the base has, no document",
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
    "ragkit/maintenance/reembedding.py": "builds the index of the second set of vectors",
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
    "file_errors.all": {
        "ragkit/maintenance/status.py",  # where it sees all
        "ragkit/maintenance/export.py",
        "ragkit/governance/erasure.py",
        "ragkit/governance/erasure_plan.py",
    },
    "source_folders.all": {
        "ragkit/maintenance/status.py",  # where it sees all
        "ragkit/ingestion/source_files.py",  # the folder of a document that may be read
        "ragkit/store/patterns.py",
        "ragkit/maintenance/export.py",
        "ragkit/ingestion/pipeline.py",
        "ragkit/ingestion/label_rules.py",
        "ragkit/document_writer.py",
        "ragkit/governance/erasure_plan.py",
    },
    "file_errors.of": {"ragkit/ingestion/plan.py"},
    "documents.known_files": {"ragkit/ingestion/plan.py", "ragkit/document_writer.py"},
    "labels.by_source": {"ragkit/ingestion/label_rules.py"},
    "labels.ids_of": {"ragkit/store/snapshot.py"},  # ids of the names that are asked for
    "chunks.lexical_rows": {
        "ragkit/index/tantivy_schema.py",
        "ragkit/index/tantivy_index.py",
    },  # of documents that a snapshot listed
    "changes_since": {
        "ragkit/index/bm25_search.py",
        "ragkit/index/tantivy_index.py",
    },  # ids, for all
    "audit.history": {
        "ragkit/index/tantivy_index.py",
        "ragkit/index/tantivy_parts.py",
        "ragkit/governance/audit_log.py",
        "ragkit/maintenance/restore.py",
    },
    "documents.uids_of": {"ragkit/turns.py", "ragkit/governance/retention.py"},
    "documents.versions_of": {
        "ragkit/governance/audit_log.py",
        "ragkit/governance/erasure_proof.py",
        "ragkit/governance/erasure_plan.py",
    },
    "vectors.get": {  # of chunks that were found
        "ragkit/index/vector_search.py",
        "ragkit/maintenance/export.py",
        "ragkit/governance/erasure.py",
    },
    "vectors.after": {"ragkit/index/faiss_index.py", "ragkit/index/vector_search.py"},
    "vectors.by_digest": {"ragkit/ingestion/embedding.py"},
    "vectors.count": {
        "ragkit/index/faiss_index.py",
        "ragkit/governance/erasure_proof.py",
        "ragkit/maintenance/verify.py",
        "ragkit/maintenance/repair.py",
        "ragkit/maintenance/status.py",  # where it sees all
        "ragkit/maintenance/reembedding.py",
    },
    "vectors.count_missing": {"ragkit/maintenance/reembedding.py"},
    "vectors.missing": {"ragkit/maintenance/reembedding.py"},  # to be embedded
    "vectors.file_names": {"ragkit/index/faiss_index.py"},
    "vectors.next_number": {"ragkit/index/faiss_index.py"},
    "with_spare_vectors": {  # the same documents, other vectors
        "ragkit/maintenance/reembedding.py",
        "ragkit/maintenance/status.py",
        "ragkit/index/faiss_index.py",
        "ragkit/governance/erasure.py",
        "ragkit/governance/erasure_proof.py",
        "ragkit/maintenance/verify.py",
        "ragkit/maintenance/repair.py",
    },
    "vectors.dimension": {"ragkit/index/faiss_index.py", "ragkit/index/vector_search.py"},
    "vectors.index_version": {
        "ragkit/index/faiss_index.py",
        "ragkit/index/vector_search.py",
        "ragkit/index/tantivy_index.py",
    },
    "vectors.tombstones": {"ragkit/index/faiss_index.py", "ragkit/index/vector_search.py"},
    "conversations.all": {
        "ragkit/view.py",
        "ragkit/governance/guarded_store.py",
        "ragkit/governance/erasure_plan.py",
    },  # with a name; to be erased
    "conversations.turns": {
        "ragkit/turns.py",
        "ragkit/governance/erasure_plan.py",
    },  # of one's own; to be erased
    "conversations.title": {"ragkit/turns.py"},  # of a conversation that is one's own
    "conversations.outcomes": {"ragkit/maintenance/statistics.py"},
    "meta": {
        "ragkit/store/transaction.py",
        "ragkit/store/access.py",
        "ragkit/store/erasures.py",
        "ragkit/manifest.py",
        "ragkit/governance/audit_log.py",
        "ragkit/governance/erasure.py",
        "ragkit/governance/erasure_proof.py",
        "ragkit/maintenance/backup.py",
    },
    "erasures.past": {"ragkit/maintenance/restore.py"},
    "erasures.is_erased": {
        "ragkit/governance/erasure.py",
        "ragkit/governance/erasure_plan.py",
        "ragkit/maintenance/repair.py",
    },
    "erasures.stored_values": {
        "ragkit/governance/erasure_proof.py"
    },  # compared with what is to be erased
    "conversations.first_turns_based_on": {"ragkit/governance/erasure_plan.py"},
    "erasures.open": {"ragkit/governance/erasure.py", "ragkit/maintenance/verify.py"},
    "erasures.erased_at": {
        "ragkit/ingestion/plan.py",
        "ragkit/ingestion/commit.py",
        "ragkit/governance/erasure.py",
    },
    "erasures.contents": {"ragkit/governance/erasure_proof.py"},
    "erasures.digests": set(),
    "erasures.uids": {"ragkit/governance/erasure_proof.py"},
    "audit.find_questions": {
        "ragkit/governance/erasure_plan.py"
    },  # questions that go with what they rest on
    "audit.names_of": {"ragkit/governance/erasure.py"},
    "erasures.receipt_of": {"ragkit/governance/erasure.py"},
    "erasures.receipt": {"ragkit/knowledge_base.py", "ragkit/governance/erasure.py"},
    "retention.keep_days": {
        "ragkit/governance/retention.py",
        "ragkit/maintenance/restored_access.py",
    },
    "labels.assigned_by_hand": {"ragkit/maintenance/restored_access.py"},
    "retention.legal_holds": {
        "ragkit/governance/retention.py",
        "ragkit/ingestion/plan.py",
        "ragkit/governance/erasure_plan.py",
        "ragkit/maintenance/restored_access.py",
    },
    "audit.times_since_retention_run": {"ragkit/governance/retention.py"},
    "narrow": {"ragkit/store/store.py", "ragkit/governance/guarded_store.py"},
    "without_filter": {
        "ragkit/index/bm25_search.py",  # the words of all documents that may be read
        "ragkit/retrieval/document_names.py",  # the names of all documents that may be read
    },
    "scope": {  # keys of caches
        "ragkit/index/bm25_search.py",
        "ragkit/retrieval/prior.py",
        "ragkit/index/vector_search.py",
    },
    "restrict": {
        "ragkit/store/store.py",
        "ragkit/store/snapshot.py",
        "ragkit/governance/access_control.py",
        "ragkit/retrieval/retriever.py",  # WIDENED
        "ragkit/index/bm25_search.py",  # WIDENED
    },
    "document_clause": {"ragkit/store/documents.py", "ragkit/store/chunks.py"},
    "source_folders.uploaded_files": {"ragkit/maintenance/verify.py"},
    "source_folders.ids": set(),  # of a writer, as is the next one
    "source_folders.path_of": set(),
    "documents.uids": {"ragkit/maintenance/repair.py"},
    "documents.indexed_ranges": {"ragkit/index/tantivy_index.py"},  # ids, for all
    "labels.all_ids": {"ragkit/store/snapshot.py"},
    "access.mode": {
        "ragkit/store/snapshot.py",
        "ragkit/governance/access_control.py",
        "ragkit/index/faiss_index.py",
        "ragkit/maintenance/restored_access.py",
    },
    "access.grants": {  # of the labels that may be read
        "ragkit/governance/access_control.py",
        "ragkit/maintenance/restored_access.py",
    },
    "access.allowed_labels": {
        "ragkit/store/store.py",
        "ragkit/governance/access_control.py",
    },
    "retention.held_uids": {"ragkit/maintenance/repair.py"},
    "audit.last_number": {"ragkit/governance/audit_log.py", "ragkit/maintenance/backup.py"},
    "audit.signature": {"ragkit/maintenance/backup.py", "ragkit/maintenance/restore.py"},
    "audit.is_complete": {
        "ragkit/governance/erasure_proof.py",
        "ragkit/maintenance/restore.py",
    },
}
"""What a Snapshot gives without the document clause, and the only modules that ask it for that."""


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
        elif function.endswith(".restrict") and ast.unparse(call).endswith("(None)"):
            widened.add((module, name))
    assert found == EVERYTHING.keys()
    assert made == WRITERS.keys()
    assert widened == WIDENED.keys()


@cache
def aggregates() -> dict[str, ast.ClassDef]:
    """The classes that read a snapshot's tables, by the property of Snapshot that returns each."""
    classes = {
        node.name: node
        for module, tree in modules().items()
        if module.startswith("ragkit/store/")
        for node in tree.body
        if isinstance(node, ast.ClassDef)
    }
    found = {}
    for method in functions(classes["Snapshot"]):
        last = method.body[-1]
        if isinstance(last, ast.Return) and ast.unparse(last).endswith("(self)"):
            assert isinstance(last.value, ast.Call)
            found[method.name] = classes[ast.unparse(last.value.func)]
    whole = [*classes["Snapshot"].body, *classes["ReadTransaction"].body]
    own = ast.ClassDef("Snapshot", bases=[], keywords=[], body=whole, decorator_list=[])
    return {**found, "": own}


def functions(node: ast.ClassDef) -> list[ast.FunctionDef]:
    return [each for each in node.body if isinstance(each, ast.FunctionDef)]


def queries() -> dict[str, str]:
    """The code of all public methods of a snapshot and its aggregates, as "documents.get"."""
    return {
        f"{aggregate}.{method.name}".lstrip("."): ast.unparse(method)
        for aggregate, node in aggregates().items()
        for method in functions(node)
        if not method.name.startswith("_")
    }


def test_what_a_snapshot_gives_is_restricted_or_asked_for_by_few() -> None:
    assert {*aggregates()} > {"documents", "pages", "chunks", "vectors", "labels", "access"}
    restricted = {name for name, code in queries().items() if ".document_clause()" in code}
    assert restricted == {*ASKED, "documents.counts"} - {"access.grants"}
    assert queries().keys() - restricted == {*UNRESTRICTED, *_OF_ITSELF, *aggregates()} - {""}
    asked: dict[str, set[str]] = {name: set() for name in UNRESTRICTED}
    for module, _, node in nodes():
        if not isinstance(node, ast.Attribute):
            continue
        owner = node.value
        if isinstance(owner, ast.Attribute) and not ast.unparse(owner.value).endswith("writer"):
            asked.get(f"{owner.attr}.{node.attr}", set()).add(module)
        if not ast.unparse(owner).endswith("writer"):
            asked.get(node.attr, set()).add(module)
    for name, allowed in UNRESTRICTED.items():
        assert asked[name] == allowed | _NAMESAKES.get(name, set()), name


def test_an_aggregate_is_only_used_to_call_it() -> None:
    """It is not kept under another name, by which the test above would not find its calls."""
    owners = {id(node.value) for *_, node in nodes() if isinstance(node, ast.Attribute)}
    kept = [
        (module, name, ast.unparse(node))
        for module, name, node in nodes()
        if isinstance(node, ast.Attribute)
        and node.attr in aggregates()
        and re.search(
            r"snapshot$|^Snapshot\(|\b(restrict|narrow|without_filter)\(.*\)$",
            ast.unparse(node.value),
        )
        and id(node) not in owners
    ]
    assert kept == []


def test_access_becomes_sql_in_one_place() -> None:
    assert {
        module
        for module, _, node in nodes()
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.search(r"\blabel IN\b", node.value)
    } == {"ragkit/store/transaction.py"}


def test_sql_is_in_the_store_alone() -> None:
    asked = {
        module
        for module, _, call in calls()
        if re.search(r"\.execute(many)?$", ast.unparse(call.func))
    }
    assert {module for module in asked if not module.startswith("ragkit/store/")} == set()


_OF_ITSELF = {"is_strict", "has_every_label", "sees_all"}
"""What a snapshot says of itself."""

_NAMESAKES = {
    "access.mode": {  # of a knowledge base
        "apps/ragkit_apps/ui/state/session.py",
        "apps/ragkit_apps/cli/access.py",
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
