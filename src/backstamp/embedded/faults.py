"""Why the embedded CRM refuses a request: status, code and sentence, as Dataverse words them."""

from __future__ import annotations

from backstamp import odata


class Fault(Exception):  # noqa: N818 - it is an answer of the protocol, not a failure of this program
    """A request that is refused; it becomes the reply's status and error object, and rolls its transaction back.

    Attributes:
        status: the HTTP status.
        code: the service's error code, or "".
        message: what is wrong; it goes to the client, never to a log.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        self.status = status
        self.code = code
        self.message = message
        super().__init__(message)


def bad_request(message: str) -> Fault:
    """Say that the query or the body is malformed or names what does not exist."""
    return Fault(400, odata.BAD_QUERY, message)


def unknown_property(name: str, table: str) -> Fault:
    """Say that a table has no such column or navigation property."""
    message = f"Could not find a property named '{name}' on type '{odata.type_name(table)}'."
    return bad_request(message)


def undeclared_property(name: str, table: str) -> Fault:
    """Say that a body writes to something that the table does not have."""
    message = (
        f"An undeclared property '{name}' which only has property annotations in the payload but no property value "
        f"was found in the payload, or type '{odata.type_name(table)}' does not declare it."
    )
    return bad_request(message)


def unknown_path(path: str) -> Fault:
    """Say that nothing lives at this path."""
    return Fault(404, odata.UNKNOWN_RESOURCE, f"Resource not found for the segment '{path}'.")


def no_row(table: str, record: str) -> Fault:
    """Say that a table has no row of this id."""
    return Fault(404, odata.NOT_FOUND, f"{table} With Id = {record} Does Not Exist")


def no_definition(what: str) -> Fault:
    """Say that a table, column or relationship has no definition."""
    return Fault(404, odata.NOT_FOUND, f"Could not find {what}.")


def expired_delta(status: int = 400) -> Fault:
    """Say that a delta link cannot be used any more."""
    message = "Version stamp associated with the client has expired. Please perform a full sync."
    return Fault(status, odata.DELTA_EXPIRED, message)


def already_exists(what: str) -> Fault:
    """Say that a definition would be made twice."""
    return Fault(400, odata.DUPLICATE_DEFINITION, f"{what} already exists.")
