"""Dataverse: a Dynamics 365 organization, or the embedded CRM, through the Dataverse Web API.

    environment   what the house asks of it: the class `Dataverse`
    metadata      table definitions: Dataverse's types as Arrow types and back
    feed          pages of rows as typed Arrow batches, and the token where the next read goes on
    writing       rows written, in the way that their table takes
    batches       which rows to send next, after what became of the last ones
    multipart     several requests in one
    rights        what our account may do
    steps         what else runs when a row is written
    inspection    found out for `check`, without writing anything
    credentials   who gives bearer tokens
    session       requests: counted, paced, and their failures in our words

All but `environment`, `writing`, `steps`, `inspection`, `credentials` and `session` is free of I/O.
"""

from backstamp.connect.dataverse.credentials import certificate, client_secret, signed_in
from backstamp.connect.dataverse.environment import Dataverse

__all__ = ["Dataverse", "certificate", "client_secret", "signed_in"]
