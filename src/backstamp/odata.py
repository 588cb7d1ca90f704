"""The words of the Dataverse Web API (OData 4.0) that client and embedded server share.

Names of headers, preferences, annotations, types and error codes, and how keys, literals and times are spelled.
Nothing here talks to anyone. The tests of the wire pin the spelling, since both sides would share one error.
"""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from uuid import UUID

API_PATH = "/api/data/v9.2/"
VERSION = "4.0"
MAX_PAGE_SIZE = 5000
"""Rows of a page: the default and the most that the service gives."""

# Headers, in the spelling that clients look up.
AUTHORIZATION = "Authorization"
WWW_AUTHENTICATE = "WWW-Authenticate"
CONTENT_TYPE = "Content-Type"
CONTENT_ID = "Content-ID"
FILE_NAME = "x-ms-file-name"
ACCEPT = "Accept"
ODATA_VERSION = "OData-Version"
ODATA_MAX_VERSION = "OData-MaxVersion"
ENTITY_ID = "OData-EntityId"
LOCATION = "Location"
ETAG = "ETag"
IF_MATCH = "If-Match"
IF_NONE_MATCH = "If-None-Match"
PREFER = "Prefer"
PREFERENCE_APPLIED = "Preference-Applied"
CONSISTENCY = "Consistency"
DOP_HINT = "x-ms-dop-hint"
REQUESTS_LEFT = "x-ms-ratelimit-burst-remaining-xrm-requests"
SERVICE_REQUEST_ID = "x-ms-service-request-id"
MERGE_LABELS = "MSCRM.MergeLabels"
BYPASS_LOGIC = "MSCRM.BypassBusinessLogicExecution"
BYPASS_LOGIC_ALL = "CustomSync,CustomAsync"
SUPPRESS_FLOWS = "MSCRM.SuppressCallbackRegistrationExpanderJob"
BYPASS_STEPS = "MSCRM.BypassBusinessLogicExecutionStepIds"
BYPASS_PLUGINS = "MSCRM.BypassCustomPluginExecution"
CALLER_OBJECT_ID = "CallerObjectId"
CALLER_ID = "MSCRMCallerID"
RETRY_AFTER = "Retry-After"
TIME_LEFT = "x-ms-ratelimit-time-remaining-xrm-requests"

JSON = "application/json"
XML = "application/xml"
BINARY = "application/octet-stream"
JSON_MINIMAL = "application/json; odata.metadata=minimal"
TEXT = "text/plain; charset=utf-8"
STRONG = "Strong"
ANY_VERSION = "*"

# Words of the header Prefer.
TRACK_CHANGES = "odata.track-changes"
MAX_PAGE_SIZE_PREFERENCE = "odata.maxpagesize"
INCLUDE_ANNOTATIONS = "odata.include-annotations"
RETURN_REPRESENTATION = "return=representation"
CONTINUE_ON_ERROR = "odata.continue-on-error"

# Annotations: a name of their own, or the end of `property@…`.
CONTEXT = "@odata.context"
ROW_ETAG = "@odata.etag"
ROW_ID = "@odata.id"
TYPE = "@odata.type"
COUNT = "@odata.count"
NEXT_LINK = "@odata.nextLink"
DELTA_LINK = "@odata.deltaLink"
BIND = "@odata.bind"
FORMATTED_VALUE = "@OData.Community.Display.V1.FormattedValue"
LOOKUP_TABLE = "@Microsoft.Dynamics.CRM.lookuplogicalname"
LOOKUP_NAVIGATION = "@Microsoft.Dynamics.CRM.associatednavigationproperty"
TOTAL_COUNT = "@Microsoft.Dynamics.CRM.totalrecordcount"
TOTAL_COUNT_EXCEEDED = "@Microsoft.Dynamics.CRM.totalrecordcountlimitexceeded"
MORE_RECORDS = "@Microsoft.Dynamics.CRM.morerecords"
PAGING_COOKIE = "@Microsoft.Dynamics.CRM.fetchxmlpagingcookie"
ATTRIBUTE_NAME = "@OData.Community.Display.V1.AttributeName"
DELETED_ENTITY = "/$deletedEntity"
DELETED_REASON = "deleted"
DELTA_TOKEN = "$deltatoken"  # noqa: S105 - the name of a query option
SKIP_TOKEN = "$skiptoken"  # noqa: S105 - the name of a query option

# Paths below `API_PATH`, bound actions and the namespace of types.
NAMESPACE = "Microsoft.Dynamics.CRM"
TABLE_DEFINITIONS = "EntityDefinitions"
RELATIONSHIP_DEFINITIONS = "RelationshipDefinitions"
CHOICE_DEFINITIONS = "GlobalOptionSetDefinitions"
CREATE_TABLES = "CreateEntities"
WHO_AM_I = "WhoAmI"
BATCH = "$batch"
BULK_DELETE = "BulkDelete"
MERGE = "Merge"
INSERT_OPTION = "InsertOptionValue"
UPDATE_OPTION = "UpdateOptionValue"
DELETE_OPTION = "DeleteOptionValue"
METADATA = "$metadata"
METADATA_CHANGES = "RetrieveMetadataChanges"
TOTAL_RECORD_COUNT = "RetrieveTotalRecordCount"
MESSAGE_FILTERS = "sdkmessagefilters"
RETRIEVE_PRIVILEGES = "RetrieveUserPrivileges"
RETRIEVE_COLUMN_PRIVILEGES = "RetrievePrincipalAttributePrivileges"
CREATE_MULTIPLE = "CreateMultiple"
UPDATE_MULTIPLE = "UpdateMultiple"
UPSERT_MULTIPLE = "UpsertMultiple"
DELETE_MULTIPLE = "DeleteMultiple"

# Codes in the body of an error.
BAD_QUERY = "0x80060888"
STRING_TOO_LONG = "0x80044331"
CHOICE_OUT_OF_RANGE = "0x8004431A"
VALUE_OUT_OF_RANGE = "0x80044330"
DELTA_EXPIRED = "0x80044352"
NOT_FOUND = "0x80040217"
UNKNOWN_RESOURCE = "0x8006088a"
DUPLICATE_DEFINITION = "0x80047013"
HAS_DEPENDENCIES = "0x8004f01f"
AGGREGATE_LIMIT = "0x8004e023"
TOO_MANY_CONDITIONS = "0x8004430C"
DUPLICATE_ID = "0x80040237"
DUPLICATE_KEY = "0x80060892"
KEY_NOT_FOUND = "0x80060891"
VERSION_MISMATCH = "0x80060882"
DELETE_RESTRICTED = "0x80040227"
DEADLOCK = "0x80044150"
SQL_TIMEOUT = "0x80044151"
ROLLED_BACK = "0x80040255"
UNEXPECTED = "0x80040216"
PRIVILEGE_DENIED = "0x80040220"
USER_DISABLED = "0x80040225"
COLUMN_CREATE_DENIED = "0x8004f502"
COLUMN_UPDATE_DENIED = "0x8004f507"
COLUMN_NOT_SECURED = "0x8004f508"
COLUMN_SECURITY_DENIED = "0x8004f50d"
TOO_MANY_REQUESTS = "0x80072322"
TOO_MUCH_TIME = "0x80072321"
TOO_MANY_AT_ONCE = "0x80072326"

_GUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)


def type_name(name: str) -> str:
    """Return the full name of a type or bound action: `Microsoft.Dynamics.CRM.contact`."""
    return f"{NAMESPACE}.{name}"


def lookup_property(column: str) -> str:
    """Return the property under which a lookup is read: `_parentcustomerid_value`."""
    return f"_{column}_value"


def entity_reference(entity_set: str, record: str) -> str:
    """Return the value of `…@odata.bind` that points to a row: `/contacts(8f3c…)`."""
    return f"/{entity_set}({record})"


def record_id(reference: str) -> str:
    """Take the row's GUID out of `OData-EntityId` or a reference, in lower case.

    Raises:
        ValueError: there is no GUID in it.
    """
    found = _GUID.findall(reference)
    if not found:
        raise ValueError(f"no GUID in {reference!r}")
    return str(found[-1]).lower()


def is_guid(text: str) -> bool:
    """Tell whether the text is a GUID with hyphens and without braces."""
    return _GUID.fullmatch(text) is not None


def entity_set_name(logical: str) -> str:
    """Return the English plural that a new table's entity set gets: `msdynci_unifiedactivities`.

    Only for tables that are about to be made: a client reads the name of an existing one from its metadata.
    """
    if re.search(r"[^aeiou]y$", logical):
        return f"{logical[:-1]}ies"
    return f"{logical}es" if re.search(r"(?:s|x|z|ch|sh)$", logical) else f"{logical}s"


def literal(value: object) -> str:
    """Spell a value for `$filter` or a key: null, true, 3, 'O''Brien', a GUID, a time or a date.

    Raises:
        TypeError: values of this type have no spelling.
    """
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float() | Decimal() | UUID():
            return str(value)
        case dt.datetime():
            return format_time(value)
        case dt.date():
            return value.isoformat()
        case str():
            return "'" + value.replace("'", "''") + "'"
        case _:
            raise TypeError(f"a {type(value).__name__} cannot be spelled as an OData literal")


def format_time(moment: dt.datetime) -> str:
    """Spell a time as `YYYY-MM-DDTHH:MM:SSZ`; without a zone it is UTC, fractions of a second are cut off."""
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    # strftime would not fill the year up to four digits.
    return zoned.astimezone(dt.UTC).replace(tzinfo=None, microsecond=0).isoformat() + "Z"


def parse_time(text: str) -> dt.datetime:
    """Read a time; without a zone it is UTC.

    Raises:
        ValueError: the text is none.
    """
    moment = dt.datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)


def etag(version: int) -> str:
    """Return the entity tag of a row's version: `W/"42"`."""
    return f'W/"{version}"'


def parse_preferences(header: str) -> dict[str, str]:
    """Read the header Prefer into names (lower case) and values; a preference without a value has "".

    Quoted values may hold commas; the quotes are taken off.
    """
    parts = re.findall(r'([^\s,;=]+)\s*(?:=\s*(?:"([^"]*)"|([^\s,;]*)))?', header)
    return {name.lower(): quoted or plain for name, quoted, plain in parts}
