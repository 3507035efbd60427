"""The access rules, legal holds and retention that a restore takes from the replaced one.

A backup is older than the knowledge base that it replaces. With the rules of the backup, access
that was revoked since would be granted again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ragkit.errors import StoreError
from ragkit.store.access import Access
from ragkit.store.snapshot import Snapshot
from ragkit.store.writer import Writer

_MAX_LISTED_DOCUMENTS = 3


@dataclass(frozen=True, slots=True)
class AccessRules:
    """The access control, retention and legal holds of a knowledge base, by documents' uids.

    `grants` are (label, principal) and `days` the retention period of each label. `labels` maps
    each document to its label, and whether an administrator set it. `holds` maps documents to the
    reasons of their legal holds, `held` to their sources and digests.
    """

    access: Access
    grants: frozenset[tuple[str, str]]
    days: Mapping[str, int]
    labels: Mapping[int, tuple[str, bool]]
    holds: Mapping[int, str]
    held: Mapping[int, tuple[str, bytes]]


def read_access_rules(snapshot: Snapshot) -> AccessRules:
    """Read the access rules of a knowledge base."""
    documents = {one.id: one for one in snapshot.documents.all()}
    pinned = snapshot.labels.assigned_by_hand()
    reasons = {id: reason for id, _, _, reason in snapshot.retention.legal_holds()}
    return AccessRules(
        access=snapshot.access.mode(),
        grants=frozenset(
            (one.label, who) for one in snapshot.access.grants() for who in one.principals
        ),
        days=snapshot.retention.keep_days(),
        labels={one.uid: (one.label, id in pinned) for id, one in documents.items()},
        holds={documents[id].uid: reason for id, reason in reasons.items()},
        held={documents[id].uid: (documents[id].source, documents[id].digest) for id in reasons},
    )


def check_legal_holds(replaced: AccessRules, snapshot: Snapshot, *, same: bool) -> None:
    """Raise StoreError if a document on legal hold is not in the backup with the same content.

    A uid means the same document in both only if they have the `same` history.
    """
    contents = {one.uid: one.digest for one in snapshot.documents.all()} if same else {}
    missing = sorted(
        source for uid, (source, digest) in replaced.held.items() if contents.get(uid) != digest
    )
    if missing:
        more = len(missing) - _MAX_LISTED_DOCUMENTS
        names = ", ".join(missing[:_MAX_LISTED_DOCUMENTS])
        raise StoreError(
            f"{names}{f' and {more} more' if more > 0 else ''}: on legal hold in the knowledge "
            "base to be replaced, but not in the backup with the same content; end the hold first "
            "(ragkit release), or restore into another directory"
        )


def apply_access_rules(writer: Writer, replaced: AccessRules, *, same: bool) -> list[str]:
    """Give a restored knowledge base the rules of the replaced one; returns the changes as text.

    Labels and legal holds of documents are changed only if both have the `same` history.
    """
    own = read_access_rules(Snapshot(writer.connection))
    done = []
    if own.access is not replaced.access:
        writer.access.set_mode(replaced.access)
        done.append(f"access control is {replaced.access.value} again")
    for label, who in sorted(own.grants - replaced.grants):
        writer.access.revoke(label, who)
        done.append(f"{who} may no longer read {label}")
    for label, who in sorted(replaced.grants - own.grants):
        writer.access.grant(label, who)
        done.append(f"{who} may read {label} again")
    if same:
        done += _apply_document_rules(writer, own, replaced)
    for label in sorted(own.days.keys() | replaced.days.keys()):
        days = replaced.days.get(label)
        if own.days.get(label) != days and writer.retention.keep_days(label, days):
            period = "forever" if days is None else f"for {days} days"
            done.append(f"documents labeled {label} are kept {period} again")
    return done


def _apply_document_rules(writer: Writer, own: AccessRules, replaced: AccessRules) -> list[str]:
    documents = {one.uid: one.id for one in Snapshot(writer.connection).documents.all()}
    changes: dict[tuple[str, bool], list[int]] = {}
    for uid in sorted(own.labels.keys() & replaced.labels.keys()):
        if own.labels[uid] != replaced.labels[uid]:
            changes.setdefault(replaced.labels[uid], []).append(documents[uid])
    done = []
    for (label, is_pinned), ids in changes.items():
        changed = writer.labels.assign(ids, label, by_hand=is_pinned)
        if len(changed) == 1:
            done.append(f"{changed[0]} is labeled {label} again")
        elif changed:
            done.append(f"{len(changed)} documents are labeled {label} again")
    for uid in sorted(own.labels.keys() & replaced.holds.keys() - own.holds.keys()):
        names = writer.retention.hold([uid], replaced.holds[uid])
        done += [f"{name} is on legal hold again" for name in names]
    released = sorted(own.holds.keys() - replaced.holds.keys())
    done += [f"{name} is no longer on legal hold" for name in writer.retention.release(released)]
    return done
