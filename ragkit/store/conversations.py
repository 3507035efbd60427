"""Conversations: questions, answers and ratings, by the person who asked."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import astuple
from typing import Any

from ragkit.errors import SourceError, StoreError
from ragkit.store.erasures import is_erased
from ragkit.store.records import Outcome, Rating, StoredConversation, StoredTurn
from ragkit.store.rows import RowMapper, batches, check_text, decode_flag, placeholders
from ragkit.store.transaction import ReadTransaction, WriteTransaction

_CONVERSATION = RowMapper(
    StoredConversation,
    id="c.id",
    who="c.who",
    started="c.started",
    title="coalesce(nullif(c.title, ''), t.question)",
    turns="(SELECT count(*) FROM turn n WHERE n.conversation = c.id)",
)
_OUTCOME = RowMapper(
    Outcome,
    day="substr(t.at, 1, 10)",
    abstention="coalesce(json_extract(t.answer, '$.abstention'), '')",
    model="json_extract(t.answer, '$.model') IS NOT NULL",
    incomplete="json_extract(t.answer, '$.incomplete')",
    doubtful="EXISTS (SELECT 1 FROM json_tree(t.answer, '$.statements') "
    "WHERE key = 'verdict' AND atom != 'supported')",
    first_word="coalesce(json_extract(t.answer, '$.first_word'), 0.0)",
    seconds="coalesce(json_extract(t.answer, '$.seconds'), 0.0)",
    up="r.up",
    convert={
        "model": bool,
        "incomplete": bool,
        "doubtful": bool,
        "up": decode_flag,
    },
)


class Conversations:
    """Reads the conversations of all people in a snapshot."""

    def __init__(self, snapshot: ReadTransaction) -> None:
        self._db = snapshot.connection

    def all(self, who: str | None = None) -> list[StoredConversation]:
        """Return the conversations of one person, or of all; newest first."""
        rows = self._db.execute(
            f"SELECT {_CONVERSATION.columns} FROM conversation c "
            "JOIN turn t ON t.conversation = c.id AND t.ordinal = 1 "
            "WHERE c.who = coalesce(?, c.who) ORDER BY c.id DESC",
            (who,),
        )
        return [_CONVERSATION(row) for row in rows]

    def turns(self, conversation: int) -> list[StoredTurn]:
        """Return the turns of a conversation, in order."""
        uids: dict[int, set[int]] = {}
        for ordinal, uid in self._db.execute(
            "SELECT ordinal, uid FROM turn_document WHERE conversation = ?", (conversation,)
        ):
            uids.setdefault(ordinal, set()).add(uid)
        rows = self._db.execute(
            "SELECT c.who, t.at, t.question, t.answer, t.ordinal, r.up, r.comment, r.at "
            "FROM turn t JOIN conversation c ON c.id = t.conversation "
            "LEFT JOIN rating r ON r.conversation = t.conversation AND r.ordinal = t.ordinal "
            "WHERE t.conversation = ? ORDER BY t.ordinal",
            (conversation,),
        )
        return [_turn(row, uids) for row in rows]

    def outcomes(self, who: str | None = None) -> list[Outcome]:
        """Return the outcomes of one person's questions, or of all, in order."""
        rows = self._db.execute(
            f"""
            SELECT {_OUTCOME.columns}
            FROM turn t
            JOIN conversation c ON c.id = t.conversation
            LEFT JOIN rating r ON r.conversation = t.conversation AND r.ordinal = t.ordinal
            WHERE c.who = coalesce(?, c.who)
            ORDER BY t.conversation, t.ordinal
            """,
            (who,),
        )
        return [_OUTCOME(row) for row in rows]

    def title(self, conversation: int) -> str:
        """Return the title that a person gave a conversation; "" if it has none."""
        row = self._db.execute(
            "SELECT title FROM conversation WHERE id = ?", (conversation,)
        ).fetchone()
        return row[0] if row else ""

    def first_turns_based_on(self, uids: Collection[int]) -> list[tuple[int, int]]:
        """Return (conversation, ordinal) of each first turn that is based on these documents."""
        first: dict[int, int] = {}
        for batch in batches(sorted(uids)):
            for conversation, ordinal in self._db.execute(
                "SELECT conversation, min(ordinal) FROM turn_document "
                f"WHERE uid IN ({placeholders(batch)}) GROUP BY conversation",
                batch,
            ):
                first[conversation] = min(ordinal, first.get(conversation, ordinal))
        return sorted(first.items())


def _turn(row: tuple[Any, ...], uids: dict[int, set[int]]) -> StoredTurn:
    who, at, question, answer, ordinal, up, comment, rated_at = row
    return StoredTurn(
        who=who,
        at=at,
        question=question,
        answer=check_text(answer),
        ordinal=ordinal,
        rating=None if up is None else Rating(bool(up), comment, rated_at),
        uids=tuple(sorted(uids.get(ordinal, ()))),
    )


class ConversationWriter:
    """Writes conversations; each method is one commit unless it says otherwise."""

    def __init__(self, writer: WriteTransaction) -> None:
        self._writer = writer
        self._db = writer.connection

    def add_turn(
        self, conversation: int | None, turn: StoredTurn, title: str = ""
    ) -> tuple[int, int]:
        """Add a turn to a conversation, by default to a new one with this title.

        Return the conversation and the turn's ordinal. Raises StoreError if the conversation or a
        document that the answer is based on was removed meanwhile.
        """
        with self._writer.commit():
            if conversation is None:
                conversation = self._next_id()
                self._db.execute(
                    "INSERT INTO conversation (id, who, started, title) VALUES (?, ?, ?, ?)",
                    (conversation, turn.who, turn.at, title),
                )
            self._check_exists(conversation)
            if any(is_erased(self._db, uid) for uid in turn.uids):
                raise StoreError(
                    "the answer is not stored: a document that it is based on was erased "
                    "meanwhile; ask again"
                )
            (ordinal,) = self._db.execute(
                "SELECT count(*) + 1 FROM turn WHERE conversation = ?", (conversation,)
            ).fetchone()
            self._db.execute(
                "INSERT INTO turn (conversation, ordinal, at, question, answer) "
                "VALUES (?, ?, ?, ?, ?)",
                (conversation, ordinal, turn.at, turn.question, turn.answer),
            )
            self._db.executemany(
                "INSERT INTO turn_document (conversation, ordinal, uid) VALUES (?, ?, ?)",
                [(conversation, ordinal, uid) for uid in turn.uids],
            )
            return conversation, ordinal

    def rename(self, conversation: int, title: str) -> None:
        """Give a conversation a title. Raises StoreError if it was removed meanwhile."""
        with self._writer.commit():
            self._check_exists(conversation)
            self._db.execute(
                "UPDATE conversation SET title = ? WHERE id = ?", (title, conversation)
            )

    def rate(self, conversation: int, ordinal: int, rating: Rating | None) -> None:
        """Set the rating of a turn, or delete it with None.

        Raises StoreError if the conversation was removed meanwhile, and SourceError if it has no
        such turn.
        """
        with self._writer.commit():
            self._check_exists(conversation)
            place = (conversation, ordinal)
            (turns,) = self._db.execute(
                "SELECT count(*) FROM turn WHERE conversation = ?", (conversation,)
            ).fetchone()
            if not 1 <= ordinal <= turns:
                raise SourceError(
                    f"conversation {conversation} has no turn {ordinal}: expected a number from 1 "
                    f"to {turns}"
                )
            self._db.execute("DELETE FROM rating WHERE conversation = ? AND ordinal = ?", place)
            if rating is not None:
                self._db.execute(
                    "INSERT INTO rating (conversation, ordinal, up, comment, at) "
                    "VALUES (?, ?, ?, ?, ?)",
                    (*place, *astuple(rating)),
                )

    def remove(self, conversation: int) -> None:
        """Remove a conversation with all its turns, also from the write-ahead log."""
        with self._writer.commit():
            self._writer.set_meta("next_conversation", str(self._next_id()))  # not this id again
            self._db.execute("DELETE FROM conversation WHERE id = ?", (conversation,))
        self._writer.try_checkpoint()

    def drop_turns(self, turns: Iterable[tuple[int, int]]) -> None:
        """Delete each conversation's turns from an ordinal on, inside a commit."""
        for conversation, ordinal in turns:
            self._db.execute(
                "DELETE FROM turn WHERE conversation = ? AND ordinal >= ?",
                (conversation, ordinal),
            )
        self._db.execute("DELETE FROM conversation WHERE id NOT IN (SELECT conversation FROM turn)")

    def _next_id(self) -> int:
        """Return a new id, inside a commit.

        Conversations count on their own: their ids are shown, and must not reveal how many
        documents others add.
        """
        (last,) = self._db.execute("SELECT coalesce(max(id), 0) FROM conversation").fetchone()
        new = max(int(self._writer.meta("next_conversation") or 1), int(last) + 1)
        self._writer.set_meta("next_conversation", str(new + 1))
        return new

    def _check_exists(self, conversation: int) -> None:
        found = self._db.execute("SELECT 1 FROM conversation WHERE id = ?", (conversation,))
        if found.fetchone() is None:
            raise StoreError(
                f"conversation {conversation} no longer exists: it was removed; start a new one"
            )
