"""Keeps the definitions in tables of the database, and makes the database's tables and columns follow them."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING
from uuid import uuid4

import sqlalchemy as sa
from pydantic import TypeAdapter

from backstamp import odata
from backstamp.embedded import alternate, column_security, database, faults
from backstamp.embedded.metadata import (
    AlternateKey,
    Choice,
    Column,
    ColumnType,
    ManyToMany,
    Relationship,
    Table,
    audit_relationships,
)
from backstamp.embedded.schema import Schema

if TYPE_CHECKING:
    from collections.abc import Iterable

_tables = sa.Table(
    "_table",
    database.internal,
    sa.Column("id", database.text(36), primary_key=True),
    sa.Column("name", database.text(128), nullable=False, unique=True),
    sa.Column("entity_set", database.text(128), nullable=False, unique=True),
    sa.Column("changed_in", sa.BigInteger, nullable=False),
    sa.Column("definition", sa.JSON, nullable=False),
)
_columns = sa.Table(
    "_column",
    database.internal,
    sa.Column("id", database.text(36), primary_key=True),
    sa.Column("table_name", database.text(128), nullable=False),
    sa.Column("name", database.text(128), nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("definition", sa.JSON, nullable=False),
    sa.UniqueConstraint("table_name", "name"),
)
_relationships = sa.Table(
    "_relationship",
    database.internal,
    sa.Column("id", database.text(36), primary_key=True),
    sa.Column("schema_name", database.text(256), nullable=False, unique=True),
    sa.Column("definition", sa.JSON, nullable=False),
)
_many_to_many = sa.Table(
    "_many_to_many",
    database.internal,
    sa.Column("id", database.text(36), primary_key=True),
    sa.Column("schema_name", database.text(256), nullable=False, unique=True),
    sa.Column("definition", sa.JSON, nullable=False),
)
_choices = sa.Table(
    "_choice",
    database.internal,
    sa.Column("id", database.text(36), primary_key=True),
    sa.Column("name", database.text(128), nullable=False, unique=True),
    sa.Column("definition", sa.JSON, nullable=False),
)

_TABLE = TypeAdapter(Table)
_COLUMN = TypeAdapter(Column)
_RELATIONSHIP = TypeAdapter(Relationship)
_MANY_TO_MANY = TypeAdapter(ManyToMany)
_CHOICE = TypeAdapter(Choice)


def is_empty(connection: sa.Connection) -> bool:
    """Tell whether there is no CRM in this database yet."""
    return not sa.inspect(connection).has_table(_tables.name)


def is_of_this_version(connection: sa.Connection) -> bool:
    """Tell whether the database has the newest of the product's own tables."""
    return sa.inspect(connection).has_table(column_security.MEMBERS)


def load(connection: sa.Connection) -> Schema:
    """Read all definitions."""
    choices = [_CHOICE.validate_python(each) for each in connection.scalars(sa.select(_choices.c.definition))]
    options = {choice.name: choice.options for choice in choices}
    columns: dict[str, list[Column]] = {}
    for row in connection.execute(sa.select(_columns).order_by(_columns.c.position)):
        column = _COLUMN.validate_python(row.definition)
        found = replace(column, options=options[column.choice]) if column.choice else column
        columns.setdefault(row.table_name, []).append(found)
    tables = [
        replace(
            _TABLE.validate_python({**row.definition, "columns": ()}),
            columns=tuple(columns[row.name]),
            changed_in=row.changed_in,
        )
        for row in connection.execute(sa.select(_tables).order_by(_tables.c.name))
    ]
    relationships = connection.scalars(sa.select(_relationships.c.definition).order_by(_relationships.c.schema_name))
    one_to_many = [_RELATIONSHIP.validate_python(definition) for definition in relationships]
    several = connection.scalars(sa.select(_many_to_many.c.definition).order_by(_many_to_many.c.schema_name))
    version = database.counts(connection)[database.METADATA_VERSION]
    associations = [_MANY_TO_MANY.validate_python(definition) for definition in several]
    return Schema(version, tables, one_to_many, associations, choices)


def add_tables(connection: sa.Connection, tables: Iterable[Table], relationships: Iterable[Relationship]) -> None:
    """Create tables together with the relationships among them."""
    known = load(connection)
    for table in tables:
        _refuse_duplicate(known, table)
        _write_table(connection, table)
    for relationship in relationships:
        _write_relationship(connection, relationship)
    made = load(connection).sql
    # All at once, because tables may refer to each other.
    own = [made[table.name] for table in tables]
    own[0].metadata.create_all(connection, own, checkfirst=False)


def _refuse_duplicate(schema: Schema, table: Table) -> None:
    if table.name in schema.tables:
        raise faults.already_exists(f"An entity with the specified name {table.schema_name}")
    if table.entity_set in schema.by_entity_set:
        raise faults.already_exists(f"An entity set with the specified name {table.entity_set}")


def _write_table(connection: sa.Connection, table: Table) -> None:
    identified = replace(table, id=table.id or str(uuid4()))
    definition = {name: value for name, value in asdict(identified).items() if name not in {"columns", "by_name"}}
    connection.execute(
        _tables.insert().values(
            id=identified.id,
            name=table.name,
            entity_set=table.entity_set,
            changed_in=table.changed_in,
            definition=definition,
        )
    )
    for position, column in enumerate(table.columns):
        _refuse_unsecurable(table, column)
        _write_column(connection, table.name, column, position)


def _write_column(connection: sa.Connection, table: str, column: Column, position: int) -> None:
    identified = replace(column, id=column.id or str(uuid4()), schema_name=column.schema_name or column.name)
    connection.execute(
        _columns.insert().values(
            id=identified.id, table_name=table, name=column.name, position=position, definition=asdict(identified)
        )
    )


def _write_relationship(connection: sa.Connection, relationship: Relationship) -> str:
    identified = replace(relationship, id=relationship.id or str(uuid4()))
    connection.execute(
        _relationships.insert().values(
            id=identified.id, schema_name=identified.schema_name, definition=asdict(identified)
        )
    )
    return identified.id


def create_table(connection: sa.Connection, table: Table) -> str:
    """Create a table with the relationships of its own columns; return its metadata id."""
    identified = replace(table, id=str(uuid4()))
    add_tables(connection, [identified], audit_relationships(identified))
    _touch(connection, table.name)
    return identified.id


def drop_table(connection: sa.Connection, table: Table) -> None:
    """Drop a table and the relationships that start from it.

    Raises:
        Fault: other tables have lookups to it.
    """
    for association in load(connection).many_to_many:
        if table.name in {association.first.table, association.second.table}:
            drop_many_to_many(connection, association)
    schema = load(connection)
    own = [relationship for relationship in schema.relationships if relationship.referencing == table.name]
    for relationship in schema.relationships:
        if relationship.referenced == table.name and relationship not in own:
            raise faults.Fault(
                400,
                odata.HAS_DEPENDENCIES,
                f"The {table.name} component cannot be deleted because {relationship.referencing} refers to it.",
            )
    connection.execute(sa.delete(_relationships).where(_relationships.c.id.in_([each.id for each in own])))
    column_security.forget(connection, schema, table.name)
    connection.execute(sa.delete(_columns).where(_columns.c.table_name == table.name))
    connection.execute(sa.delete(_tables).where(_tables.c.name == table.name))
    connection.execute(sa.delete(database.tombstones).where(database.tombstones.c.table_name == table.name))
    schema.sql[table.name].drop(connection)
    database.reserve(connection, database.METADATA_VERSION)


def _refuse_unsecurable(table: Table, column: Column) -> None:
    if column.secured and not table.can_secure(column):
        raise faults.bad_request(f"The attribute '{column.name}' of '{table.name}' cannot be secured.")


def add_column(connection: sa.Connection, table: Table, column: Column) -> str:
    """Add a column to a table; return its metadata id."""
    if column.name in table.by_name:
        raise faults.already_exists(f"An attribute with the specified name {column.name} in {table.name}")
    _refuse_unsecurable(table, column)
    identified = replace(column, id=str(uuid4()))
    last = sa.select(sa.func.max(_columns.c.position)).where(_columns.c.table_name == table.name)
    position = int(connection.execute(last).scalar_one()) + 1
    _write_column(connection, table.name, identified, position)
    added = load(connection).sql[table.name].c[column.name]
    _add_to_database(connection, added)
    _touch(connection, table.name)
    return identified.id


def replace_column(connection: sa.Connection, table: Table, column: Column) -> None:
    """Write the definition of a column anew; the values are rescaled where the digits behind the point changed.

    Raises:
        Fault: a value would have too many digits then, or the column cannot be secured.
    """
    before = table.by_name[column.name]
    _refuse_unsecurable(table, column)
    if before.secured and not column.secured:
        column_security.forget(connection, load(connection), table.name, column.name)
    if column.type is ColumnType.DECIMAL and column.precision != before.precision:
        _rescale(connection, load(connection).sql[table.name].c[column.name], before, column)
    connection.execute(sa.update(_columns).where(_columns.c.id == column.id).values(definition=asdict(column)))
    _touch(connection, table.name)


def _rescale(connection: sa.Connection, values: sa.Column[object], before: Column, after: Column) -> None:
    # In the database the values are whole numbers of the smallest unit.
    plain: sa.ColumnElement[int] = sa.type_coerce(values, sa.BigInteger())
    digits = (after.precision or 0) - (before.precision or 0)
    factor = 10 ** abs(digits)
    if digits > 0:
        largest = connection.scalar(sa.select(sa.func.max(sa.func.abs(plain)))) or 0
        if largest > (2**63 - 1) // factor:
            raise faults.bad_request(f"The column {after.name} has values that are too large for this precision.")
        scaled = plain * factor
    else:
        half = sa.case((plain < 0, -(factor // 2)), else_=factor // 2)
        scaled = (plain + half) // factor
    connection.execute(sa.update(values.table).values({values: sa.type_coerce(scaled, values.type)}))


def add_choice(connection: sa.Connection, choice: Choice) -> str:
    """Add a global choice and return its metadata id."""
    if choice.name in load(connection).choices:
        raise faults.already_exists(f"An option set with the specified name {choice.name}")
    identified = replace(choice, id=str(uuid4()))
    connection.execute(_choices.insert().values(id=identified.id, name=identified.name, definition=asdict(identified)))
    database.reserve(connection, database.METADATA_VERSION)
    return identified.id


def replace_choice(connection: sa.Connection, choice: Choice) -> None:
    """Write a global choice anew, for all columns that have it."""
    connection.execute(sa.update(_choices).where(_choices.c.id == choice.id).values(definition=asdict(choice)))
    database.reserve(connection, database.METADATA_VERSION)


def drop_choice(connection: sa.Connection, choice: Choice) -> None:
    """Drop a global choice.

    Raises:
        Fault: a column has it.
    """
    for table in load(connection).tables.values():
        if any(column.choice == choice.name for column in table.columns):
            message = f"The {choice.name} component cannot be deleted because {table.name} refers to it."
            raise faults.Fault(400, odata.HAS_DEPENDENCIES, message)
    connection.execute(sa.delete(_choices).where(_choices.c.id == choice.id))
    database.reserve(connection, database.METADATA_VERSION)


def _add_to_database(connection: sa.Connection, column: sa.Column[object]) -> None:
    # SQLAlchemy spells the column itself, but has no construct for ALTER TABLE around it.
    quote = connection.dialect.identifier_preparer.quote
    specification = str(sa.schema.CreateColumn(column).compile(connection))
    for key in column.foreign_keys:
        target = key.column
        specification += f" REFERENCES {quote(target.table.name)} ({quote(target.name)}) DEFERRABLE INITIALLY DEFERRED"
    connection.exec_driver_sql(f"ALTER TABLE {quote(column.table.name)} ADD COLUMN {specification}")
    for index in _indexes_of(column):
        index.create(connection)


def _indexes_of(column: sa.Column[object]) -> list[sa.Index]:
    return [index for index in column.table.indexes if column.name in index.columns]


def drop_column(connection: sa.Connection, table: Table, column: Column) -> None:
    """Drop a column with its relationships.

    Raises:
        Fault: it is one of the product's own columns, or the one that names the rows.
    """
    if not column.custom or column.name in {table.key, table.name_column}:
        message = f"The attribute {column.name} of {table.name} cannot be deleted."
        raise faults.Fault(400, odata.HAS_DEPENDENCIES, message)
    if any(column.name in key.columns for key in table.keys):
        message = f"The attribute {column.name} of {table.name} cannot be deleted: it is part of an alternate key."
        raise faults.Fault(400, odata.HAS_DEPENDENCIES, message)
    schema = load(connection)
    ids = [each.id for each in schema.relationships if (each.referencing, each.column) == (table.name, column.name)]
    connection.execute(sa.delete(_relationships).where(_relationships.c.id.in_(ids)))
    column_security.forget(connection, schema, table.name, column.name)
    connection.execute(sa.delete(_columns).where(_columns.c.id == column.id))
    dropped = schema.sql[table.name].c[column.name]
    for index in _indexes_of(dropped):
        index.drop(connection)
    quote = connection.dialect.identifier_preparer.quote
    connection.exec_driver_sql(f"ALTER TABLE {quote(table.name)} DROP COLUMN {quote(column.name)}")
    _touch(connection, table.name)


def add_relationship(connection: sa.Connection, relationship: Relationship, lookup: Column) -> str:
    """Add a lookup column and the relationship that it makes; return the relationship's metadata id."""
    schema = load(connection)
    _refuse_taken(schema, relationship.schema_name)
    add_column(connection, schema.tables[relationship.referencing], lookup)
    return _write_relationship(connection, relationship)


def _refuse_taken(schema: Schema, schema_name: str) -> None:
    if schema_name.lower() in {each.schema_name.lower() for each in schema.defined}:
        raise faults.already_exists(f"A relationship with the specified name {schema_name}")


def replace_relationship(connection: sa.Connection, relationship: Relationship) -> None:
    """Write the definition of a one-to-many relationship anew."""
    statement = sa.update(_relationships).where(_relationships.c.id == relationship.id)
    connection.execute(statement.values(definition=asdict(relationship)))
    database.reserve(connection, database.METADATA_VERSION)


def add_many_to_many(
    connection: sa.Connection, association: ManyToMany, intersect: Table, sides: Iterable[Relationship]
) -> str:
    """Add a many-to-many relationship with its intersect table and that table's lookups; return its metadata id."""
    _refuse_taken(load(connection), association.schema_name)
    add_tables(connection, [intersect], sides)
    _touch(connection, intersect.name)
    identified = replace(association, id=str(uuid4()))
    connection.execute(
        _many_to_many.insert().values(
            id=identified.id, schema_name=identified.schema_name, definition=asdict(identified)
        )
    )
    return identified.id


def drop_many_to_many(connection: sa.Connection, association: ManyToMany) -> None:
    """Drop a many-to-many relationship with all its pairs."""
    connection.execute(sa.delete(_many_to_many).where(_many_to_many.c.id == association.id))
    drop_table(connection, load(connection).tables[association.intersect])


def add_key(connection: sa.Connection, table: Table, key: AlternateKey) -> str:
    """Add an alternate key and return its metadata id; it is not active where rows have the same values already."""
    alternate.refuse_unfit(table, key)
    schema = load(connection)
    identified = replace(key, id=str(uuid4()), active=not alternate.has_repetitions(connection, schema, table, key))
    if identified.active:
        alternate.index(schema, table, identified).create(connection)
    _write_definition(connection, replace(table, keys=(*table.keys, identified)))
    return identified.id


def drop_key(connection: sa.Connection, table: Table, key: AlternateKey) -> None:
    """Drop an alternate key."""
    if key.active:
        alternate.index(load(connection), table, key).drop(connection)
    _write_definition(connection, alternate.without(table, key))


def replace_table(connection: sa.Connection, table: Table) -> None:
    """Write the definition of a table anew, without its columns.

    Raises:
        Fault: another table has the name of its entity set.
    """
    if load(connection).by_entity_set.get(table.entity_set, table).name != table.name:
        raise faults.already_exists(f"An entity set with the specified name {table.entity_set}")
    _write_definition(connection, table)
    _touch(connection, table.name)


def _write_definition(connection: sa.Connection, table: Table) -> None:
    definition = {name: value for name, value in asdict(table).items() if name not in {"columns", "by_name"}}
    written = {"entity_set": table.entity_set, "definition": definition}
    connection.execute(sa.update(_tables).where(_tables.c.id == table.id).values(written))
    database.reserve(connection, database.METADATA_VERSION)


def _touch(connection: sa.Connection, table: str) -> None:
    version = database.reserve(connection, database.ROW_VERSION)
    connection.execute(sa.update(_tables).where(_tables.c.name == table).values(changed_in=version))
    database.reserve(connection, database.METADATA_VERSION)
