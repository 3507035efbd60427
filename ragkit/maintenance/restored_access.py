"""What a restored base takes over from the one that it replaces: rights, holds and retention.

A backup is older: by its own rules what was closed since would be open again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ragkit.errors import StoreError
from ragkit.store.access import Access, access_of
from ragkit.store.snapshot import Snapshot
from ragkit.store.writer import Writer

_NAMED = 3  # documents, in a message


@dataclass(frozen=True, slots=True)
class Rules:
    """How a base is governed: by names of labels, and uids of documents.

    `labels` are each document's, with whether a hand gave it; `holds` the reasons, and `held` the
    source and the digest of each document that has one.
    """

    access: Access
    grants: frozenset[tuple[str, str]]
    days: Mapping[str, int]
    labels: Mapping[int, tuple[str, bool]]
    holds: Mapping[int, str]
    held: Mapping[int, tuple[str, bytes]]


def rules_of(snapshot: Snapshot) -> Rules:
    """The rules of a base."""
    documents = {one.id: one for one in snapshot.documents()}
    pinned = snapshot.pinned()
    held = {id: reason for id, _, _, reason in snapshot.holds()}
    return Rules(
        access=access_of(snapshot.connection),
        grants=frozenset((one.label, who) for one in snapshot.grants() for who in one.principals),
        days=snapshot.keep_days(),
        labels={one.uid: (one.label, id in pinned) for id, one in documents.items()},
        holds={documents[id].uid: reason for id, reason in held.items()},
        held={documents[id].uid: (documents[id].source, documents[id].digest) for id in held},
    )


def check_holds(replaced: Rules, snapshot: Snapshot, *, same: bool) -> None:
    """Raise StoreError where what is held in the replaced base is not, or not so, in the other.

    A uid is the same document in both where one has the `same` history as the other.
    """
    contents = {one.uid: one.digest for one in snapshot.documents()} if same else {}
    gone = sorted(
        source for uid, (source, digest) in replaced.held.items() if contents.get(uid) != digest
    )
    if gone:
        more = f" and {len(gone) - _NAMED} more" if len(gone) > _NAMED else ""
        raise StoreError(
            f"{', '.join(gone[:_NAMED])}{more}: held in the base that is to be replaced, and not "
            "in the backup as it is there; let it go first (ragkit release), or restore into "
            "another directory"
        )


def take_over(writer: Writer, replaced: Rules, *, same: bool) -> list[str]:
    """Give a base the rules of the one that it replaces; returns what that changed, for people.

    Those of documents only where one has the `same` history as the other.
    """
    own = rules_of(Snapshot(writer.connection))
    done = []
    if own.access is not replaced.access:
        writer.set_access(replaced.access)
        done.append(f"access is {replaced.access.value} again")
    for label, who in sorted(own.grants - replaced.grants):
        writer.revoke(label, who)
        done.append(f"{who} may no longer read {label}")
    for label, who in sorted(replaced.grants - own.grants):
        writer.grant(label, who)
        done.append(f"{who} may read {label} again")
    if same:
        done += _take_over_documents(writer, own, replaced)
    for label in sorted(own.days.keys() | replaced.days.keys()):
        days = replaced.days.get(label)
        if own.days.get(label) != days and writer.keep_days(label, days):
            done.append(f"{label} is kept for {'ever' if days is None else f'{days} days'} again")
    return done


def _take_over_documents(writer: Writer, own: Rules, replaced: Rules) -> list[str]:
    documents = {one.uid: one.id for one in Snapshot(writer.connection).documents()}
    others: dict[tuple[str, bool], list[int]] = {}
    for uid in sorted(own.labels.keys() & replaced.labels.keys()):
        if own.labels[uid] != replaced.labels[uid]:
            others.setdefault(replaced.labels[uid], []).append(documents[uid])
    done = []
    for (label, is_pinned), ids in others.items():
        changed = writer.relabel(ids, label, pinned=is_pinned)
        if changed:
            what = changed[0] if len(changed) == 1 else f"{len(changed)} documents"
            done.append(f"{label} is the label of {what} again")
    for uid in sorted(own.labels.keys() & replaced.holds.keys() - own.holds.keys()):
        done += [f"{name} is held again" for name in writer.hold([uid], replaced.holds[uid])]
    released = sorted(own.holds.keys() - replaced.holds.keys())
    done += [f"{name} is no longer held" for name in writer.release(released)]
    return done
