"""What is wanted of our own tables, beside what is known of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from backstamp import link, shapes
from backstamp.connect import ports
from backstamp.link import plan, wanted

if TYPE_CHECKING:
    import ibis.expr.types as ir
    from tests.link.conftest import House

TOWN = ports.TableDefinition("town", "townid", (ports.Column("city", pa.string()),))
KNOWN = {"same": "1", "changed": "2", "lost": "", "gone": "3"}
WANTED = {"same": "1", "changed": "4", "lost": "5", "new": "6"}


@pytest.fixture
def differences(house: House) -> ir.Table:
    """Some rows are wanted, some are known."""
    house.engine.keep("known_town", house.load(shapes.KNOWN, [{"key": key, "digest": KNOWN[key]} for key in KNOWN]))
    rows = [{"key": key, "customer_id": f"of {key}", "digest": WANTED[key]} for key in WANTED]
    return house.engine.cache(wanted.compare(house.engine, "town", house.load(shapes.WANTED, rows)))


def test_compare(house: House, differences: ir.Table) -> None:
    """Rows known as they are wanted are no difference; of the others a gone one has no digest, a new one none known."""
    found = [tuple(row.values()) for row in house.engine.rows(differences.order_by("key"))]
    assert found == [
        ("changed", "of changed", "4", "2"),
        ("gone", None, None, "3"),
        ("lost", "of lost", "5", ""),
        ("new", "of new", "6", None),
    ]


def test_take(house: House, differences: ir.Table) -> None:
    """Rows that differ are taken as they are to be; one that may be there or not counts as new."""
    schema = shapes.shape(townid=pa.string(), city=pa.string())
    rows = house.load(schema, [{"townid": key, "city": f"City {key}"} for key in WANTED])
    taken = wanted.take(link.Own(TOWN, rows), differences).order_by("townid")
    assert [tuple(row.values()) for row in house.engine.rows(taken)] == [
        ("changed", "City changed", "4", "changed"),
        ("lost", "City lost", "5", "new"),
        ("new", "City new", "6", "new"),
    ]
    assert taken.columns[-2:] == (plan.DIGEST, plan.KIND)
