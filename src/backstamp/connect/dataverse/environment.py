"""What the house asks of a Dataverse organization, said in requests."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from backstamp import errors, odata
from backstamp.connect import ports
from backstamp.connect.dataverse import credentials, feed, inspection, metadata, rights, session, steps, writing

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator, Mapping, Sequence
    from types import TracebackType

    import pyarrow as pa

_NO_SUCH_ROW = 404
_KEYS_OF_A_FILTER = 100  # an address has its limits
_FEED_ENDED = frozenset({400, 404, 410, 412})


class Dataverse:
    """A Dataverse organization as a source and an environment: a `ports.Sink`; its methods may run on many threads.

    Args:
        url: of the organization: `https://contoso.crm.dynamics.com`.
        token: gives the bearer token when asked, or is a credential of azure-identity.
        page_size: rows of a page that is read.
        batch_size: rows of a request that writes.
        tag: marks our writes for the organization's own plug-ins.
        bypass_custom_logic: whether writes keep custom plug-ins, workflows and flows from running; the account
            needs the privilege for that.
        trust: whose certificates are believed, if not those that Python knows.
    """

    def __init__(
        self,
        url: str,
        token: credentials.TokenSource,
        *,
        page_size: int = odata.MAX_PAGE_SIZE,
        batch_size: int = 500,
        tag: str = "backstamp",
        bypass_custom_logic: bool = False,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self._batch_size = batch_size
        self._page_size = page_size
        self._session = session.Session(
            url, credentials.giver(url, token), tag=tag, bypass_custom_logic=bypass_custom_logic, trust=trust
        )
        self._tables: dict[str, metadata.Table] = {}
        self._writer = writing.Writer(self._session, self._table, batch_size)

    @property
    def traffic(self) -> ports.Traffic:
        """How much has gone over the wire so far."""
        return self._session.traffic

    @property
    def batch_size(self) -> int:
        """How many rows one request carries."""
        return self._batch_size

    def who_am_i(self) -> str:
        """Return the id of the user that we write as."""
        return str(self._identity["UserId"])

    def inspect(self, tables: Sequence[str]) -> ports.Inspection:
        """Find out what our account may do, and with these tables; nothing is written.

        Raises:
            EnvironmentServiceError: the account is not let in, or no answer came.
        """
        user = self.who_am_i()
        found = [ports.Access(name) if (table := self._find(name)) is None else self._access(table) for name in tables]
        return ports.Inspection(
            url=self._session.url,
            user_id=user,
            user=inspection.user_name(self._session, user),
            may_create=inspection.may_create(self._rights),
            days_kept=self._days_kept,
            at_once=self._session.at_once,
            requests_left=self._session.requests_left,
            tables=tuple(found),
        )

    def define(self, table: str) -> ports.TableDefinition:
        """Return what the table is; raise `SourceError` where there is none."""
        return self._table(table).definition

    def find(self, table: str) -> ports.TableDefinition | None:
        """Return what the table is, or None where there is none."""
        found = self._find(table)
        return found.definition if found else None

    def read(self, table: str, columns: Sequence[str], token: str | None = None) -> Iterator[ports.Change]:
        """Read the table's key and these columns, page by page: everything without a token, else what changed.

        Raises:
            FeedEndedError: the feed cannot go on from this token; read again without one.
            SourceError: the table, or one of the columns, is not there, or the table does not track its changes.
            EnvironmentServiceError: the account may not read the table or a column, or only a part of it, or no answer
                came.
        """
        known = self._table(table)
        self._refuse_half_a_feed(known)
        self._refuse_hidden(known, columns)
        wanted = feed.reading(known, columns, str(self._identity["OrganizationId"]))
        address: str | None = feed.resume(token, wanted) if token else known.entity_set
        parameters = None if token else {"$select": ",".join(wanted.properties)}
        headers = {odata.PREFER: f"{odata.TRACK_CHANGES},{odata.MAX_PAGE_SIZE_PREFERENCE}={self._page_size}"}
        while address:
            page = self._read_page(address, wanted, parameters=parameters, headers=headers)
            change, address = feed.read_page(page, wanted)
            parameters = None
            self.traffic.add(rows_read=change.rows.num_rows)
            yield change

    def changes(self, table: str, token: str) -> Iterator[ports.Change]:
        """Read what changed since a token, with the columns that it is good for.

        Raises:
            FeedEndedError: the feed cannot go on from this token, or none of ours is.
            SourceError: the table, or one of the columns, is not there any more.
            EnvironmentServiceError: the account may not read the table, or no answer came.
        """
        return self.read(table, feed.columns_of(token, table), token)

    def row(self, table: str, key: str, columns: Sequence[str]) -> dict[str, object] | None:
        """Return the key and these columns of one row, or None where no row has that key.

        Raises:
            SourceError: the table, or one of the columns, is not there.
            EnvironmentServiceError: the account may not read the table, or no answer came.
        """
        known = self._table(table)
        wanted = feed.reading(known, columns, organization="")
        if not odata.is_guid(key):
            return None
        parameters = {"$select": ",".join(wanted.properties)}
        try:
            answer = self._session.get(f"{known.entity_set}({key})", f"read {table}", parameters=parameters)
        except errors.RefusedError as error:
            if error.status != _NO_SUCH_ROW:
                raise
            return None
        change, _ = feed.read_page({"value": [answer.json(exact=wanted.needs_exact_numbers)]}, wanted)
        self.traffic.add(rows_read=1)
        [row] = change.rows.to_pylist()
        return dict(row)

    def create_table(self, definition: ports.TableDefinition) -> None:
        """Create a table, or what is missing of it; its changes are tracked.

        Raises:
            RefusedError: a column is there already with another type, or the environment says no.
        """
        if self._find(definition.name) is None:
            doing = f"create the table {definition.name}"
            self._define(definition.name, odata.TABLE_DEFINITIONS, metadata.table_body(definition), doing)
        for column in definition.columns:
            if column.name != definition.key:
                self.create_column(definition.name, column)

    def create_column(self, table: str, column: ports.Column) -> None:
        """Add a column, or a lookup, to a table, unless it is there.

        Raises:
            RefusedError: the column is there already with another type, or the environment says no.
        """
        existing = self.define(table).column(column.name)
        if existing is None:
            doing = f"create the column {table}.{column.name}"
            if column.lookup_to:
                body = metadata.relationship_body(table, column, self._table(column.lookup_to))
                self._define(table, odata.RELATIONSHIP_DEFINITIONS, body, doing)
            else:
                self._define(table, f"{_definition(table)}/Attributes", metadata.attribute_body(column), doing)
        elif not existing.can_hold(column):
            raise errors.RefusedError(
                f"The column {table}.{column.name} is in the environment already, as {_kind(existing)} where"
                f" {_kind(column)} is wanted: remove or rename it there, or choose another name."
            )

    def drop_column(self, table: str, column: str) -> bool:
        """Drop a lookup, with what its rows have in it; return whether it was there.

        Raises:
            UnauthorizedError: the account may not.
            RefusedError: something in the environment, such as a form, still needs it.
        """
        answer = self._session.get(
            f"{_definition(table)}/ManyToOneRelationships",
            f"describe {table}",
            parameters={"$select": "MetadataId,ReferencingAttribute"},
        )
        of_column = [one["MetadataId"] for one in answer.json()["value"] if one["ReferencingAttribute"] == column]
        for relationship in of_column:
            doing = f"drop the column {table}.{column}"
            self._define(table, f"{odata.RELATIONSHIP_DEFINITIONS}({relationship})", None, doing)
        return bool(of_column)

    def upsert(self, table: str, rows: pa.RecordBatch) -> list[ports.Outcome]:
        """Create or overwrite rows by key; a column that is null is emptied."""
        return self._writer.write(self._table(table), odata.UPSERT_MULTIPLE, rows.to_pylist())

    def stamp(self, table: str, lookup: str, stamps: Sequence[ports.Stamp]) -> list[ports.Outcome]:
        """Update one lookup of existing rows and nothing else; never creates a row.

        Raises:
            TransientError: no answer came: read the rows back before anything else is decided about them.
        """
        known = self._table(table)
        rows = [{known.definition.key: stamp.key, lookup: stamp.profile} for stamp in stamps]
        return self._writer.write(known, odata.UPDATE_MULTIPLE, rows)

    def delete(self, table: str, keys: Sequence[str]) -> list[ports.Outcome]:
        """Delete rows, many in one request."""
        return self._writer.delete(self._table(table), keys)

    def referencing(self, table: str) -> tuple[tuple[str, str], ...]:
        """Return every lookup to a table that somebody made, by asking the environment now: its table and its name.

        The rows of the system itself that tell about others, such as jobs, keep no row from being deleted.
        """
        answer = self._session.get(
            f"{_definition(table)}/OneToManyRelationships",
            f"describe {table}",
            parameters={"$select": "ReferencingEntity,ReferencingAttribute,IsCustomRelationship"},
            headers={odata.CONSISTENCY: odata.STRONG},
        )
        made = (one for one in answer.json()["value"] if one["IsCustomRelationship"])
        return tuple((one["ReferencingEntity"], one["ReferencingAttribute"]) for one in made)

    def steps(self, table: str, column: str) -> ports.Steps:
        """Return which plug-ins, workflows and flows run when a column of a table is written."""
        return steps.running(self._session, self._whole, table, column)

    def linked(self, table: str, lookup: str, keys: Sequence[str]) -> set[str]:
        """Return those of these keys that any row of the table has in its lookup, by asking the environment now."""
        known = self._table(table)
        found: set[str] = set()
        for first in range(0, len(keys), _KEYS_OF_A_FILTER):
            # `distinct`, because a single key can be in any number of rows.
            values = "".join(
                f"<value>{odata.record_id(key)}</value>" for key in keys[first : first + _KEYS_OF_A_FILTER]
            )
            condition = f'<condition attribute="{lookup}" operator="in">{values}</condition>'
            entity = f'<entity name="{table}"><attribute name="{lookup}" /><filter>{condition}</filter></entity>'
            parameters = {"fetchXml": f'<fetch distinct="true">{entity}</fetch>'}
            rows = self._session.get(known.entity_set, f"read {table}", parameters=parameters).json()["value"]
            found |= {row[known.wire_name(lookup)] for row in rows}
        return found

    def links(self, table: str, lookup: str, keys: Sequence[str]) -> dict[str, str | None]:
        """Return what these rows of a table have in a lookup now, by key; rows that are gone are missing."""
        known = self._table(table)
        key, wire_name = known.definition.key, known.wire_name(lookup)
        found: dict[str, str | None] = {}
        for first in range(0, len(keys), _KEYS_OF_A_FILTER):
            named = ",".join(f'"{odata.record_id(one)}"' for one in keys[first : first + _KEYS_OF_A_FILTER])
            among = f"Microsoft.Dynamics.CRM.In(PropertyName={odata.literal(key)},PropertyValues=[{named}])"
            parameters = {"$select": f"{key},{wire_name}", "$filter": among}
            rows = self._session.get(known.entity_set, f"read {table}", parameters=parameters).json()["value"]
            found |= {row[key]: row[wire_name] for row in rows}
        return found

    def close(self) -> None:
        """Close all connections."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @cached_property
    def _identity(self) -> Mapping[str, Any]:
        identity: Mapping[str, Any] = self._session.get(odata.WHO_AM_I, "say who we are").json()
        return identity

    def _table(self, name: str) -> metadata.Table:
        found = self._find(name)
        if found is None:
            raise errors.SourceError(
                f"The environment at {self._session.url} has no table {name!r}: correct its name in the project file"
                " (the logical name, such as 'contact')."
            )
        return found

    def _find(self, name: str) -> metadata.Table | None:
        """Return the table's metadata, kept until we change it ourselves."""
        if name not in self._tables:
            try:
                self._tables[name] = self._fetch(name)
            except errors.RefusedError as error:
                if error.status != _NO_SUCH_ROW:
                    raise
        return self._tables.get(name)

    def _whole(self, name: str) -> metadata.Table | None:
        """Return the table's metadata; None where there is none, or where some of its rows are hidden from us."""
        found = self._find(name)
        is_part = found is not None and self._rights is not None and not self._rights.sees_all(found)
        return None if is_part else found

    def _fetch(self, name: str) -> metadata.Table:
        def get(path: str, **parameters: str) -> Any:  # noqa: ANN401 - JSON
            # Strong: a cache of half a minute would not know what we have just created.
            headers = {odata.CONSISTENCY: odata.STRONG}
            options = {f"${option}": value for option, value in parameters.items()} or None
            return self._session.get(path, f"describe {name}", parameters=options, headers=headers).json()

        entity = get(
            _definition(name),
            select="LogicalName,SchemaName,EntitySetName,PrimaryIdAttribute,ChangeTrackingEnabled,DisplayName,Privileges",
        )
        attributes = get(f"{_definition(name)}/Attributes")
        relationships = get(
            f"{_definition(name)}/ManyToOneRelationships",
            select="ReferencingAttribute,ReferencedEntity,ReferencingEntityNavigationPropertyName",
        )
        closed = rights.closed(attributes["value"], self._column_privileges(attributes["value"]))
        return metadata.table(entity, attributes["value"], relationships["value"], closed)

    def _column_privileges(self, attributes: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
        """Return what our account may do with secured columns, if one of these is; all, where we are not told."""
        secured = [attribute for attribute in attributes if attribute.get("IsSecured")]
        if not secured:
            return []
        address = f"systemusers({self.who_am_i()})/{odata.type_name(odata.RETRIEVE_COLUMN_PRIVILEGES)}"
        try:
            told = self._session.get(address, "tell our rights to columns").json()
        except (errors.RefusedError, errors.UnauthorizedError):
            return [{"AttributeId": each["MetadataId"], "CanRead": 4, "CanUpdate": 4} for each in secured]
        privileges: Sequence[Mapping[str, Any]] = told["AttributePrivileges"]
        return privileges

    def _define(self, table: str, address: str, body: Mapping[str, object] | None, doing: str) -> None:
        self._session.define(address, body, doing)
        self._tables.pop(table, None)
        vars(self).pop("_rights", None)  # who makes a table has rights to its rows from then on

    def _access(self, table: metadata.Table) -> ports.Access:
        return inspection.access(table, self._rights, self._writer)

    def _refuse_half_a_feed(self, table: metadata.Table) -> None:
        """Refuse a table that does not tell its changes, or of which we would be shown some rows only."""
        name = table.definition.name
        if not table.definition.tracks_changes:
            raise errors.SourceError(
                f"The table {name} does not track its changes: turn on *Track changes* among its properties in Power"
                " Apps (it stays on then), or leave the table out."
            )
        if self._rights is not None and not self._rights.sees_all(table):
            depth = self._rights.depth(rights.Right.READ, table)
            whose = f"Our account in the environment at {self._session.url}"
            raise errors.UnauthorizedError(rights.partial(name, depth, whose))

    def _refuse_hidden(self, table: metadata.Table, columns: Sequence[str]) -> None:
        """Refuse columns whose values column security keeps from us: they would come as empty."""
        found = [name for name in columns if (column := table.definition.column(name)) and column.hidden]
        if found:
            whose = f"our account in the environment at {self._session.url}"
            raise errors.UnauthorizedError(rights.hidden(table.definition.name, found, whose))

    @cached_property
    def _rights(self) -> rights.Rights | None:
        """What our account may do; None where the service does not tell."""
        address = f"systemusers({self.who_am_i()})/{odata.type_name(odata.RETRIEVE_PRIVILEGES)}"
        try:
            told = self._session.get(address, "tell our rights").json()
        except (errors.RefusedError, errors.UnauthorizedError):
            return None
        return rights.rights(told.get("RolePrivileges", ()))

    @cached_property
    def _days_kept(self) -> int | None:
        """For how many days the service can go on from a token; None where it does not tell."""
        column = "expirechangetrackingindays"
        try:
            told = self._session.get("organizations", "read organization", parameters={"$select": column}).json()
        except (errors.RefusedError, errors.UnauthorizedError):
            return None
        [organization] = told["value"]
        days = organization.get(column)
        return days if isinstance(days, int) else None

    def _read_page(self, address: str, wanted: feed.Reading, **request: Any) -> Any:  # noqa: ANN401 - JSON
        try:
            answer = self._session.get(address, f"read {wanted.table}", **request)
        except errors.RefusedError as error:
            if _is_feed_ended(error):
                why = feed.why_ended(address, datetime.now(UTC), self._days_kept)
                message = f"The change feed of {wanted.table} has ended, {why}: read it in full."
                raise errors.FeedEndedError(message) from error
            raise errors.SourceError(str(error)) from error
        return answer.json(exact=wanted.needs_exact_numbers)


def _is_feed_ended(error: errors.RefusedError) -> bool:
    """Tell an expired token, whose status is not documented, by its code or words (dataverse-webapi.md 5.2)."""
    return error.status in _FEED_ENDED and (error.code == odata.DELTA_EXPIRED or "Version stamp" in str(error))


def _definition(table: str) -> str:
    return f"{odata.TABLE_DEFINITIONS}(LogicalName={odata.literal(table)})"


def _kind(column: ports.Column) -> str:
    return f"a lookup to {column.lookup_to}" if column.lookup_to else str(column.type)
