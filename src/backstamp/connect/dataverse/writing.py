"""Rows written: in bulk where their table takes that, else many requests in one, else one by one."""

from __future__ import annotations

import time
import uuid
from enum import Enum, auto
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from backstamp import errors, http, odata
from backstamp.connect.dataverse import batches, multipart, session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from backstamp.connect import ports
    from backstamp.connect.dataverse import metadata

_NO_SUCH_ROW = 404
_NO_SUCH_ACTION = frozenset({400, 404, 405, 501})
_NO_BATCHES = frozenset({404, 405, 415, 501})
_DELETE = "delete"
"""What is done one row after the other, in no bulk message: only elastic tables take DeleteMultiple."""
_NEEDS = {
    odata.UPDATE_MULTIPLE: (odata.UPDATE_MULTIPLE,),
    # The service lists it for no table: it can be used where both of these can.
    odata.UPSERT_MULTIPLE: (odata.CREATE_MULTIPLE, odata.UPDATE_MULTIPLE),
}


class Way(Enum):
    """How rows of a table are written."""

    BULK = auto()
    BATCH = auto()
    SINGLE = auto()


class Writer:
    """Writes rows of the tables of one organization; safe to share between threads.

    Args:
        requests: to the organization.
        table: finds a table's metadata by its name.
        size: rows of a request.
    """

    def __init__(self, requests: session.Session, table: Callable[[str], metadata.Table], size: int) -> None:
        self._session = requests
        self._table = table
        self._size = size
        self._ways: dict[tuple[str, str], Way] = {}

    def write(self, table: metadata.Table, action: str, rows: Sequence[Mapping[str, object]]) -> list[ports.Outcome]:
        """Write rows by `UpdateMultiple` or `UpsertMultiple`, or by what comes to the same; return how each ended.

        Raises:
            UnauthorizedError: the account may not write there.
            TransientError: no answer came; rows may have been written.
        """
        key = table.definition.key
        body = self._speller(table, rows[0]) if rows else dict
        targets = (batches.Target(str(row[key]), body(row)) for row in rows)
        return self._deliver(table, action, targets, self._size)

    def delete(self, table: metadata.Table, keys: Sequence[str]) -> list[ports.Outcome]:
        """Delete rows, many in one request; return how each ended.

        Raises:
            UnauthorizedError: the account may not delete there.
            TransientError: no answer came; rows may have been deleted.
        """
        return self._deliver(table, _DELETE, (batches.Target(key, {}) for key in keys), multipart.MOST)

    def _deliver(
        self, table: metadata.Table, action: str, targets: Iterable[batches.Target], size: int
    ) -> list[ports.Outcome]:
        sending = batches.deliver(targets, size)
        try:
            batch = next(sending)
            while True:
                batch = sending.send(self._send(table, action, batch))
        except StopIteration as end:
            outcomes: list[ports.Outcome] = end.value
            return outcomes

    def way(self, table: metadata.Table, action: str) -> Way:
        """Return how rows of a table are written; the service is asked once."""
        found = self._ways.get((_name(table), action))
        if found is None:
            lists_all = action in _NEEDS and all(self._lists(message, table) for message in _NEEDS[action])
            found = self._ways.setdefault((_name(table), action), Way.BULK if lists_all else Way.BATCH)
        return found

    def _lists(self, message: str, table: metadata.Table) -> bool:
        """Tell whether the service lists a bulk message for a table; where it does not say, trying will tell."""
        parameters = {
            "$select": "sdkmessagefilterid",
            "$filter": "sdkmessageid/name eq @m and primaryobjecttypecode eq @t",
            "@m": odata.literal(message),
            "@t": odata.literal(_name(table)),
        }
        doing = f"say how {_name(table)} is written"
        try:
            listed = self._session.get(odata.MESSAGE_FILTERS, doing, parameters=parameters).json()["value"]
        except (errors.RefusedError, errors.UnauthorizedError):
            return True
        return bool(listed)

    def _send(self, table: metadata.Table, action: str, batch: batches.Batch) -> batches.Verdict:
        if batch.strains:
            time.sleep(http.backoff(batch.strains))
        verdict = None
        while verdict is None:  # the way that a table does not take is not tried again
            match self.way(table, action):
                case Way.BULK:
                    verdict = self._send_in_bulk(table, action, batch)
                case Way.BATCH:
                    verdict = self._send_together(table, action, batch)
                case Way.SINGLE:
                    verdict = self._send_singly(table, action, batch)
        return verdict

    def _send_in_bulk(self, table: metadata.Table, action: str, batch: batches.Batch) -> batches.Verdict | None:
        answer = self._session.write(
            "POST",
            f"{table.entity_set}/{odata.type_name(action)}",
            f"write {_name(table)}",
            body={"Targets": [target.body for target in batch.targets]},
            repeatable=_is_repeatable(action),
        )
        code, message = session.failure(answer)
        if answer.status in _NO_SUCH_ACTION and (code == odata.UNKNOWN_RESOURCE or action in message):
            self._ways[_name(table), action] = Way.BATCH
            return None
        return self._verdict(table, batch.targets, answer)

    def _send_together(self, table: metadata.Table, action: str, batch: batches.Batch) -> batches.Verdict | None:
        verdicts: list[batches.Verdict] = []
        for first in range(0, len(batch.targets), multipart.MOST):
            targets = batch.targets[first : first + multipart.MOST]
            boundary = f"batch_{uuid.uuid4()}"
            parts = [self._part(*_request(table, action, target)) for target in targets]
            answer = self._session.write(
                "POST",
                odata.BATCH,
                f"write {_name(table)}",
                body=multipart.write(parts, boundary),
                headers={odata.CONTENT_TYPE: multipart.content_type(boundary), odata.PREFER: odata.CONTINUE_ON_ERROR},
                repeatable=_is_repeatable(action),
            )
            if answer.status in _NO_BATCHES and not first:
                self._ways[_name(table), action] = Way.SINGLE
                return None
            if answer.status >= 400 and session.is_strained(answer):
                verdicts += [self._verdict(table, targets, answer)] * len(targets)
                continue
            answers = multipart.read(answer, len(parts))
            for each in answers:
                self._session.heed(each)
                self._session.refuse_if_not_about_rows(each, f"write {_name(table)}")
            verdicts += [self._verdict(table, [target], each) for target, each in zip(targets, answers, strict=True)]
        return batches.Verdict("each", of_rows=verdicts)

    def _part(self, method: str, address: str, headers: Mapping[str, str], body: object) -> multipart.Part:
        """Return a request that is marked as all our writes are."""
        marked = f"{address}?{urlencode(self._session.tag)}"
        return multipart.Part(method, marked, {**self._session.quiet, **headers}, body)

    def _send_singly(self, table: metadata.Table, action: str, batch: batches.Batch) -> batches.Verdict:
        verdicts = []
        for target in batch.targets:
            method, address, headers, body = _request(table, action, target)
            answer = self._session.write(
                method,
                address,
                f"write {_name(table)}",
                body=body,
                headers=headers,
                repeatable=_is_repeatable(action),
            )
            verdicts.append(self._verdict(table, [target], answer))
        return batches.Verdict("each", of_rows=verdicts)

    def _verdict(
        self, table: metadata.Table, targets: Sequence[batches.Target], answer: http.Answer
    ) -> batches.Verdict:
        if answer.status < 400:
            self._session.traffic.add(rows_written=len(targets))
            return batches.Verdict("written")
        code, message = session.failure(answer)
        if session.is_strained(answer) or session.is_busy(answer):
            return batches.Verdict("strained", code, message)
        lonely = len(targets) == 1 and answer.status == _NO_SUCH_ROW
        gone = lonely and not self._exists(table, targets[0].key)
        return batches.Verdict("gone" if gone else "refused", code, message)

    def _exists(self, table: metadata.Table, key: str) -> bool:
        """Tell whether the row itself is there; "not found" may also mean what its lookup points to."""
        try:
            self._session.get(
                _address(table, key), f"read {_name(table)}", parameters={"$select": table.definition.key}
            )
        except errors.RefusedError as error:
            if error.status != _NO_SUCH_ROW:
                raise
            return False
        return True

    def _speller(
        self, table: metadata.Table, like: Mapping[str, object]
    ) -> Callable[[Mapping[str, object]], Mapping[str, object]]:
        """Return what spells rows with the columns of this one as the service wants it, lookups as references."""
        kind = odata.type_name(_name(table))
        binds = {
            name: (table.navigation[name] + odata.BIND, self._table(column.lookup_to).entity_set)
            for name in like
            if name in table.lookups and (column := table.definition.column(name)) and column.lookup_to
        }

        def spell(row: Mapping[str, object]) -> Mapping[str, object]:
            body: dict[str, object] = {odata.TYPE: kind}
            for name, value in row.items():
                if name in binds:
                    bind, entity_set = binds[name]
                    body[bind] = None if value is None else odata.entity_reference(entity_set, str(value))
                else:
                    body[name] = value
            return body

        return spell


def _name(table: metadata.Table) -> str:
    return table.definition.name


def _address(table: metadata.Table, key: str) -> str:
    return f"{table.entity_set}({odata.record_id(key)})"


def _request(table: metadata.Table, action: str, target: batches.Target) -> tuple[str, str, dict[str, str], Any]:
    """Return method, address, headers and body that write or delete one row; an update never makes a new one."""
    if action == _DELETE:
        return "DELETE", _address(table, target.key), {}, None
    headers = {odata.IF_MATCH: odata.ANY_VERSION} if action == odata.UPDATE_MULTIPLE else {}
    body = {name: value for name, value in target.body.items() if name not in {table.definition.key, odata.TYPE}}
    return "PATCH", _address(table, target.key), headers, body


def _is_repeatable(action: str) -> bool:
    """Tell whether doing it twice is harmless: somebody may have changed the link in between."""
    return action in {odata.UPSERT_MULTIPLE, _DELETE}
