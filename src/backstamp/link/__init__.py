"""Linking: from a profile back to every row of the CRM (linking.md).

With the warehouse open:

    eligibility   which tables may be linked
    obstacles     what the environment has against that
    desired       what the environment is to hold, in columns that it can hold
    known         what it is known to hold
    differences   what must be written: the plan

Without it:

    plan          what is written, as a value and its work lists; what is shown is what is done
    undo          the plan that puts back what another one wrote
    hydrate       writing it, step by step
    verify        whether its links are right
    card          what came of it: a row as its users see it
"""

from backstamp.link.card import Card, Field, read_card
from backstamp.link.desired import (
    Desired,
    LinkedTable,
    Own,
    activity_table,
    cleared_links,
    desired_activities,
    desired_attributes,
    desired_business,
    desired_keys,
    desired_links,
    desired_measure,
    desired_profiles,
    key_table,
    lookup_name,
    measure_table,
    profile_table,
    tables_of_measures,
    without_rows,
)
from backstamp.link.differences import Causes, make_plan
from backstamp.link.eligibility import Candidate, Eligibility, FailedCheck, Obstacle, eligibility
from backstamp.link.hydrate import LINKS, MEASURES, STEPS, Hydration, Step
from backstamp.link.known import (
    Seen,
    acknowledge,
    compare,
    filled_tables,
    forget_links,
    last_written,
    linked_tables,
    of_links,
    read_back,
    removed_columns,
)
from backstamp.link.obstacles import obstacles
from backstamp.link.plan import Customers, Linking, Plan, Reason, Removal, Writing, list_path, load
from backstamp.link.settings import ApproveAbove, Link
from backstamp.link.undo import make_undo
from backstamp.link.verify import MEANINGS, Finding, excused, findings

__all__ = [
    "LINKS",
    "MEANINGS",
    "MEASURES",
    "STEPS",
    "ApproveAbove",
    "Candidate",
    "Card",
    "Causes",
    "Customers",
    "Desired",
    "Eligibility",
    "FailedCheck",
    "Field",
    "Finding",
    "Hydration",
    "Link",
    "LinkedTable",
    "Linking",
    "Obstacle",
    "Own",
    "Plan",
    "Reason",
    "Removal",
    "Seen",
    "Step",
    "Writing",
    "acknowledge",
    "activity_table",
    "cleared_links",
    "compare",
    "desired_activities",
    "desired_attributes",
    "desired_business",
    "desired_keys",
    "desired_links",
    "desired_measure",
    "desired_profiles",
    "eligibility",
    "excused",
    "filled_tables",
    "findings",
    "forget_links",
    "key_table",
    "last_written",
    "linked_tables",
    "list_path",
    "load",
    "lookup_name",
    "make_plan",
    "make_undo",
    "measure_table",
    "obstacles",
    "of_links",
    "profile_table",
    "read_back",
    "read_card",
    "removed_columns",
    "tables_of_measures",
    "without_rows",
]
