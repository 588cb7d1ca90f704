"""The tables that a new embedded CRM has: account, contact, lead, task, people, roles, organization, jobs, steps.

Logical names, types and relationship names are Dataverse's own.
"""

from __future__ import annotations

from dataclasses import replace

from backstamp.embedded import column_security, metadata
from backstamp.embedded.metadata import Column, ColumnType, OnDelete, Option, Relationship, Table


def _text(name: str, label: str, length: int = 100, schema_name: str = "") -> Column:
    return Column(name, ColumnType.STRING, schema_name, label, max_length=length)


def _memo(name: str, label: str, schema_name: str = "", length: int = 2000) -> Column:
    return Column(name, ColumnType.MEMO, schema_name, label, max_length=length)


def _money(name: str, label: str, schema_name: str = "") -> Column:
    limit = 100_000_000_000.0
    return Column(name, ColumnType.MONEY, schema_name, label, minimum=0.0, maximum=limit, precision=2)


def _whole(name: str, label: str, schema_name: str = "") -> Column:
    return Column(name, ColumnType.INTEGER, schema_name, label, minimum=0, maximum=1_000_000_000)


def _time(name: str, label: str, schema_name: str = "", *, date_only: bool = False) -> Column:
    return Column(name, ColumnType.DATETIME, schema_name, label, date_only=date_only)


def _yes_no(name: str, label: str, schema_name: str, yes: str = "Yes", no: str = "No") -> Column:
    options = (Option(0, no), Option(1, yes))
    return Column(name, ColumnType.BOOLEAN, schema_name, label, options=options, default=False)


def _choice(name: str, label: str, schema_name: str, *labels: str) -> Column:
    options = tuple(Option(value, text) for value, text in enumerate(labels, start=1))
    return Column(name, ColumnType.PICKLIST, schema_name, label, options=options)


def _lookup(name: str, label: str, schema_name: str, *targets: str) -> Column:
    kind = ColumnType.CUSTOMER if set(targets) == {"account", "contact"} else ColumnType.LOOKUP
    return Column(name, kind, schema_name, label, targets=targets)


def _merged(table: str) -> tuple[Column, Column]:
    """Return what a row tells that was merged into another one; no client writes it."""
    was_merged = replace(_yes_no("merged", "Merged", "Merged"), writable=False)
    return was_merged, replace(_lookup("masterid", "Master ID", "MasterId", table), writable=False)


_PERSON = (
    _text("firstname", "First Name", 50, "FirstName"),
    _text("lastname", "Last Name", 50, "LastName"),
    _text("fullname", "Full Name", 160, "FullName"),
    _text("middlename", "Middle Name", 50, "MiddleName"),
    _text("salutation", "Salutation", 100, "Salutation"),
    _text("jobtitle", "Job Title", 100, "JobTitle"),
    _text("mobilephone", "Mobile Phone", 50, "MobilePhone"),
)
_REACH = (
    _text("emailaddress1", "Email", 100, "EMailAddress1"),
    _text("emailaddress2", "Email Address 2", 100, "EMailAddress2"),
    _text("emailaddress3", "Email Address 3", 100, "EMailAddress3"),
    _text("telephone1", "Business Phone", 50, "Telephone1"),
    _text("telephone2", "Home Phone", 50, "Telephone2"),
    _text("telephone3", "Telephone 3", 50, "Telephone3"),
    _text("fax", "Fax", 50, "Fax"),
    _text("websiteurl", "Website", 200, "WebSiteUrl"),
    _text("address1_line1", "Address 1: Street 1", 250, "Address1_Line1"),
    _text("address1_line2", "Address 1: Street 2", 250, "Address1_Line2"),
    _text("address1_line3", "Address 1: Street 3", 250, "Address1_Line3"),
    _text("address1_city", "Address 1: City", 80, "Address1_City"),
    _text("address1_stateorprovince", "Address 1: State/Province", 50, "Address1_StateOrProvince"),
    _text("address1_postalcode", "Address 1: ZIP/Postal Code", 20, "Address1_PostalCode"),
    _text("address1_country", "Address 1: Country/Region", 80, "Address1_Country"),
    _yes_no("donotemail", "Do not allow Emails", "DoNotEMail", yes="Do Not Allow", no="Allow"),
    _yes_no("donotphone", "Do not allow Phone Calls", "DoNotPhone", yes="Do Not Allow", no="Allow"),
    _time("lastusedincampaign", "Last Date Included in Campaign", "LastUsedInCampaign"),
    _memo("description", "Description", "Description"),
)

_CONTACT = (
    *_PERSON,
    *_REACH,
    _time("birthdate", "Birthday", "BirthDate", date_only=True),
    _time("anniversary", "Anniversary", "Anniversary", date_only=True),
    _choice("gendercode", "Gender", "GenderCode", "Male", "Female"),
    _choice("familystatuscode", "Marital Status", "FamilyStatusCode", "Single", "Married", "Divorced", "Widowed"),
    _lookup("parentcustomerid", "Company Name", "ParentCustomerId", "account", "contact"),
    _money("creditlimit", "Credit Limit", "CreditLimit"),
    _money("annualincome", "Annual Income", "AnnualIncome"),
    _whole("numberofchildren", "No. of Children", "NumberOfChildren"),
    _text("department", "Department", 100, "Department"),
    _text("nickname", "Nickname", 100, "NickName"),
    *_merged("contact"),
    *metadata.state_columns(),
)

_LEAD_STATES = (Option(0, "Open"), Option(1, "Qualified"), Option(2, "Disqualified"))
_LEAD_REASONS = (
    Option(1, "New", 0),
    Option(2, "Contacted", 0),
    Option(3, "Qualified", 1),
    Option(4, "Lost", 2),
    Option(5, "Cannot Contact", 2),
    Option(6, "No Longer Interested", 2),
    Option(7, "Canceled", 2),
)
_LEAD_SOURCES = (
    "Advertisement",
    "Employee Referral",
    "External Referral",
    "Partner",
    "Public Relations",
    "Seminar",
    "Trade Show",
    "Web",
    "Word of Mouth",
    "Other",
)
_LEAD = (
    *_PERSON,
    *_REACH,
    _text("companyname", "Company Name", 100, "CompanyName"),
    _text("subject", "Topic", 300, "Subject"),
    _choice("leadsourcecode", "Lead Source", "LeadSourceCode", *_LEAD_SOURCES),
    _choice("leadqualitycode", "Rating", "LeadQualityCode", "Hot", "Warm", "Cold"),
    _money("revenue", "Annual Revenue", "Revenue"),
    _money("estimatedamount", "Est. Value", "EstimatedAmount"),
    _whole("numberofemployees", "No. of Employees", "NumberOfEmployees"),
    _lookup("parentcontactid", "Parent Contact for lead", "ParentContactId", "contact"),
    _lookup("parentaccountid", "Parent Account for lead", "ParentAccountId", "account"),
    *_merged("lead"),
    *metadata.state_columns(_LEAD_STATES, _LEAD_REASONS),
)

_ACCOUNT = (
    _text("name", "Account Name", 160, "Name"),
    _text("accountnumber", "Account Number", 20, "AccountNumber"),
    *_REACH,
    _money("revenue", "Annual Revenue", "Revenue"),
    _money("creditlimit", "Credit Limit", "CreditLimit"),
    _whole("numberofemployees", "Number of Employees", "NumberOfEmployees"),
    _time("lastonholdtime", "Last On Hold Time", "LastOnHoldTime"),
    _lookup("primarycontactid", "Primary Contact", "PrimaryContactId", "contact"),
    _lookup("parentaccountid", "Parent Account", "ParentAccountId", "account"),
    _lookup("originatingleadid", "Originating Lead", "OriginatingLeadId", "lead"),
    *_merged("account"),
    *metadata.state_columns(),
)

_TASK_STATES = (Option(0, "Open"), Option(1, "Completed"), Option(2, "Canceled"))
_TASK_REASONS = (
    Option(2, "Not Started", 0),
    Option(3, "In Progress", 0),
    Option(4, "Waiting on someone else", 0),
    Option(5, "Completed", 1),
    Option(6, "Canceled", 2),
    Option(7, "Deferred", 0),
)
_TASK = (
    _text("subject", "Subject", 200, "Subject"),
    _memo("description", "Description", "Description"),
    _time("scheduledstart", "Start Date", "ScheduledStart"),
    _time("scheduledend", "Due Date", "ScheduledEnd"),
    _whole("percentcomplete", "Percent Complete", "PercentComplete"),
    _choice("prioritycode", "Priority", "PriorityCode", "Low", "Normal", "High"),
    _lookup("regardingobjectid", "Regarding", "RegardingObjectId", "account", "contact", "lead"),
    *metadata.state_columns(_TASK_STATES, _TASK_REASONS),
)

_SYSTEMUSER = (
    _text("firstname", "First Name", 256, "FirstName"),
    _text("lastname", "Last Name", 256, "LastName"),
    _text("fullname", "Full Name", 200, "FullName"),
    _text("domainname", "User Name", 1024, "DomainName"),
    _text("internalemailaddress", "Primary Email", 100, "InternalEMailAddress"),
    Column("applicationid", ColumnType.UNIQUEIDENTIFIER, "ApplicationId", "Application ID"),
    Column("azureactivedirectoryobjectid", ColumnType.UNIQUEIDENTIFIER, "AzureActiveDirectoryObjectId", "Object ID"),
    _yes_no("isdisabled", "Status", "IsDisabled", yes="Disabled", no="Enabled"),
)
_JOB_STATES = (Option(0, "Ready"), Option(1, "Suspended"), Option(2, "Locked"), Option(3, "Completed"))
_JOB_REASONS = (
    Option(0, "Waiting For Resources", 0),
    Option(10, "Waiting", 1),
    Option(20, "In Progress", 2),
    Option(30, "Succeeded", 3),
    Option(31, "Failed", 3),
    Option(32, "Canceled", 3),
)
_JOB = (
    _text("name", "System Job Name", 256, "Name"),
    Column("operationtype", ColumnType.PICKLIST, "OperationType", "Job Type", options=(Option(13, "Bulk Delete"),)),
    _text("primaryentitytype", "Primary Entity Type", 128, "PrimaryEntityType"),
    _memo("friendlymessage", "Friendly message", "FriendlyMessage"),
    _time("startedon", "Started On", "StartedOn"),
    _time("completedon", "Completed On", "CompletedOn"),
    *metadata.state_columns(_JOB_STATES, _JOB_REASONS),
)
_FIRED = (
    _whole("firedrequests", "Requests That Would Fire It", "FiredRequests"),
    _whole("firedrows", "Rows That Would Fire It", "FiredRows"),
)
_MODES = (Option(0, "Synchronous"), Option(1, "Asynchronous"))
_STAGES = (Option(10, "Pre-validation"), Option(20, "Pre-operation"), Option(40, "Post-operation"))
_ORGANIZATION = (
    _text("name", "Organization Name", 160, "Name"),
    _whole("expirechangetrackingindays", "Days to Expire Change Tracking", "ExpireChangeTrackingInDays"),
)


_ROLE = (_text("name", "Name", 100, "Name"),)
_MESSAGE = (_text("name", "Name", 256, "Name"),)
_FILTER = (
    _text("primaryobjecttypecode", "Primary Object Type Code", 128, "PrimaryObjectTypeCode"),
    _lookup("sdkmessageid", "SDK Message", "SdkMessageId", "sdkmessage"),
)
_STEP_STATES = (Option(0, "Enabled"), Option(1, "Disabled"))
_STEP_REASONS = (Option(1, "Enabled", 0), Option(2, "Disabled", 1))
_STEP = (
    _text("name", "Name", 256, "Name"),
    _lookup("sdkmessageid", "SDK Message", "SdkMessageId", "sdkmessage"),
    _lookup("sdkmessagefilterid", "SDK Message Filter", "SdkMessageFilterId", "sdkmessagefilter"),
    _memo("filteringattributes", "Filtering Attributes", "FilteringAttributes", 100_000),
    Column("mode", ColumnType.PICKLIST, "Mode", "Execution Mode", options=_MODES, default=0),
    Column("stage", ColumnType.PICKLIST, "Stage", "Execution Stage", options=_STAGES, default=40),
    *_FIRED,
    *metadata.state_columns(_STEP_STATES, _STEP_REASONS),
)
_CATEGORIES = tuple(
    Option(value, label)
    for value, label in enumerate(
        ("Workflow", "Dialog", "Business Rule", "Action", "Business Process Flow", "Modern Flow")
    )
)
_WORKFLOW_TYPES = (Option(1, "Definition"), Option(2, "Activation"), Option(3, "Template"))
_WORKFLOW_MODES = (Option(0, "Background"), Option(1, "Real-time"))
_WORKFLOW_STATES = (Option(0, "Draft"), Option(1, "Activated"))
_WORKFLOW_REASONS = (Option(1, "Draft", 0), Option(2, "Activated", 1))
_WORKFLOW = (
    _text("name", "Process Name", 100, "Name"),
    Column("category", ColumnType.PICKLIST, "Category", "Category", options=_CATEGORIES, default=0),
    Column("type", ColumnType.PICKLIST, "Type", "Type", options=_WORKFLOW_TYPES, default=1),
    Column("mode", ColumnType.PICKLIST, "Mode", "Mode", options=_WORKFLOW_MODES, default=0),
    _text("primaryentity", "Primary Entity", 128, "PrimaryEntity"),
    _yes_no("triggeroncreate", "Trigger On Create", "TriggerOnCreate"),
    _yes_no("triggerondelete", "Trigger On Delete", "TriggerOnDelete"),
    _memo("triggeronupdateattributelist", "Trigger On Update", "TriggerOnUpdateAttributeList", 100_000),
    *_FIRED,
    *metadata.state_columns(_WORKFLOW_STATES, _WORKFLOW_REASONS),
)
_CHANGES = (
    "Added",
    "Deleted",
    "Modified",
    "Added or Modified",
    "Added or Deleted",
    "Modified or Deleted",
    "Added or Modified or Deleted",
)
_CALLBACK = (
    _text("name", "Name", 256, "Name"),
    _text("entityname", "Entity Name", 255, "EntityName"),
    _choice("message", "Specifies the message type", "Message", *_CHANGES),
    _memo("filteringattributes", "Filtering Attributes", "FilteringAttributes", 100_000),
    Column("softdeletestatus", ColumnType.INTEGER, "SoftDeleteStatus", "Soft Delete Status", default=0),
    *_FIRED,
)


_PROFILE = (_text("name", "Name", 100, "Name"), _memo("description", "Description", "Description"))
_PERMISSION = (
    _lookup("fieldsecurityprofileid", "Profile", "FieldSecurityProfileId", column_security.PROFILES),
    _text("entityname", "Entity Name", 128, "EntityName"),
    _text("attributelogicalname", "Attribute Name", 128, "AttributeLogicalName"),
    *column_security.grant_columns(),
)


def _table(code: int, schema_name: str, key: str, name_column: str, columns: tuple[Column, ...]) -> Table:
    name = schema_name.lower()
    people = name in {"account", "contact", "lead", "task"}
    return metadata.complete(
        Table(
            name,
            schema_name,
            f"{name}s",
            key,
            name_column,
            columns,
            label=schema_name,
            plural_label=f"{schema_name}s",
            user_owned=people,
            tracks_changes=people,
            code=code,
        )
    )


TABLES = (
    _table(8, "SystemUser", "systemuserid", "fullname", _SYSTEMUSER),
    _table(1, "Account", "accountid", "name", _ACCOUNT),
    _table(2, "Contact", "contactid", "fullname", _CONTACT),
    _table(4, "Lead", "leadid", "fullname", _LEAD),
    _table(4212, "Task", "activityid", "subject", _TASK),
    _table(4700, "AsyncOperation", "asyncoperationid", "name", _JOB),
    _table(1019, "Organization", "organizationid", "name", _ORGANIZATION),
    _table(1036, "Role", "roleid", "name", _ROLE),
    _table(1200, "FieldSecurityProfile", "fieldsecurityprofileid", "name", _PROFILE),
    _table(1201, "FieldPermission", "fieldpermissionid", "attributelogicalname", _PERMISSION),
    _table(4606, "SdkMessage", "sdkmessageid", "name", _MESSAGE),
    _table(4607, "SdkMessageFilter", "sdkmessagefilterid", "primaryobjecttypecode", _FILTER),
    _table(4608, "SdkMessageProcessingStep", "sdkmessageprocessingstepid", "name", _STEP),
    _table(4703, "Workflow", "workflowid", "name", _WORKFLOW),
    _table(301, "CallbackRegistration", "callbackregistrationid", "name", _CALLBACK),
)


def _points(schema_name: str, referenced: str, lookup: str, navigation: str = "") -> Relationship:
    referencing, column = lookup.split(".")
    return Relationship(schema_name, referenced, referencing, column, navigation or column, schema_name)


RELATIONSHIPS = (
    _points("contact_customer_accounts", "account", "contact.parentcustomerid", "parentcustomerid_account"),
    _points("contact_customer_contacts", "contact", "contact.parentcustomerid", "parentcustomerid_contact"),
    _points("lead_parent_contact", "contact", "lead.parentcontactid"),
    _points("lead_parent_account", "account", "lead.parentaccountid"),
    _points("account_primary_contact", "contact", "account.primarycontactid"),
    _points("account_parent_account", "account", "account.parentaccountid"),
    _points("account_originating_lead", "lead", "account.originatingleadid"),
    _points("account_master_account", "account", "account.masterid"),
    _points("contact_master_contact", "contact", "contact.masterid"),
    _points("lead_master_lead", "lead", "lead.masterid"),
    _points("Account_Tasks", "account", "task.regardingobjectid", "regardingobjectid_account_task"),
    _points("Contact_Tasks", "contact", "task.regardingobjectid", "regardingobjectid_contact_task"),
    _points("Lead_Tasks", "lead", "task.regardingobjectid", "regardingobjectid_lead_task"),
    replace(
        _points(
            "lk_fieldpermission_fieldsecurityprofileid",
            "fieldsecurityprofile",
            "fieldpermission.fieldsecurityprofileid",
        ),
        on_delete=OnDelete.CASCADE,
    ),
    _points("sdkmessageid_sdkmessagefilter", "sdkmessage", "sdkmessagefilter.sdkmessageid"),
    _points("sdkmessageid_sdkmessageprocessingstep", "sdkmessage", "sdkmessageprocessingstep.sdkmessageid"),
    _points(
        "sdkmessagefilterid_sdkmessageprocessingstep", "sdkmessagefilter", "sdkmessageprocessingstep.sdkmessagefilterid"
    ),
    *(relationship for table in TABLES for relationship in metadata.audit_relationships(table)),
)
