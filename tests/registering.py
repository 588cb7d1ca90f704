"""Registers steps in an embedded CRM: what plug-ins, workflows and flows a customer has."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.embedded.conftest import Crm


def plugin(crm: Crm, message: str, table: str, **values: object) -> str:
    """Register a plug-in's step on a message of a table; return its address."""
    condition = f"sdkmessageid/name eq '{message}' and primaryobjecttypecode eq '{table}'"
    [found] = crm.rows(f"sdkmessagefilters?$filter={condition}")
    bound = {
        "sdkmessageid@odata.bind": f"sdkmessages({found['_sdkmessageid_value']})",
        "sdkmessagefilterid@odata.bind": f"sdkmessagefilters({found['sdkmessagefilterid']})",
    }
    return _made(crm, "sdkmessageprocessingsteps", **bound, **values)


def workflow(crm: Crm, table: str, **values: object) -> str:
    """Make a classic workflow of a table, activated; return its address."""
    return _made(crm, "workflows", primaryentity=table, **{"statecode": 1, "statuscode": 2, **values})


def flow(crm: Crm, table: str, **values: object) -> str:
    """Turn on a cloud flow that changes of a table's rows set off; return the address of its registration."""
    return _made(crm, "callbackregistrations", entityname=table, **{"message": 3, **values})


def _made(crm: Crm, entity_set: str, **values: object) -> str:
    return f"{entity_set}({crm.create(entity_set, **{'name': 'Somebody', **values})})"
