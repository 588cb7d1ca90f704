"""The order of a run, said once.

discovery  tables in the files of a folder that no project knows yet
describe   what the tables of the sources are, and whether the project fits them
reading    a source table's rows, or what changed of them, into the warehouse
sources    all of them, each in a task of its own
stages     unification: normalize, deduplicate, match, identify, merge, cluster
searching  customers found by what somebody typed
guarding   what could join strangers: found and counted by a run
incremental  unification of what a change can touch
attempts   a task tried again where that can help
planning   what is to be written to the environment
leaving    tables of what the project has no more
history    what became of CustomerIds, beside the ledger
output     what was published, in the user's own data lake
recovery   what the environment tells of the run before, where the warehouse is lost
hydrated   what the environment gets of measures and activities
hydrating  writing a plan to the environment, task by task
run        the whole: read, unify, measure, plan, publish, hydrate
notifying  what people are told of a run
approving  a run that waited, sent
undoing    a run taken back
forecast   what a plan will take
linked     how links stand
verifying  the links of an environment, checked
watching   whether the environment has changed since a run
exporting  tables in files that people asked for
published  the published warehouse, opened for questions:
overview   how many customers, rows and links there are
findings   what the last run found, in numbers, and what a person should look at
profiling  what the columns are like, and what they could mean
explain    why rows are one customer, or why not
overriding  what people say of two rows, put where the next run reads it
showing    a row, and all that is known of its customer
customers  customers found
records    rows of source tables found
distributions  how the values of measures are spread
labels     a file that tells who is who
evaluate   how well profiles and rules agree with labels
"""

from backstamp.pipeline.approving import approve as approve
from backstamp.pipeline.customers import FoundCustomer as FoundCustomer
from backstamp.pipeline.customers import FoundCustomers as FoundCustomers
from backstamp.pipeline.customers import Wanted as Wanted
from backstamp.pipeline.customers import find_customers as find_customers
from backstamp.pipeline.describe import Described as Described
from backstamp.pipeline.describe import describe as describe
from backstamp.pipeline.discovery import FoundTable as FoundTable
from backstamp.pipeline.discovery import discover as discover
from backstamp.pipeline.distributions import Distribution as Distribution
from backstamp.pipeline.distributions import distributions as distributions
from backstamp.pipeline.evaluate import Evaluation as Evaluation
from backstamp.pipeline.evaluate import count_rules as count_rules
from backstamp.pipeline.evaluate import evaluate as evaluate
from backstamp.pipeline.explain import explain as explain
from backstamp.pipeline.explain import relate as relate
from backstamp.pipeline.findings import Doubts as Doubts
from backstamp.pipeline.findings import Findings as Findings
from backstamp.pipeline.findings import doubts as doubts
from backstamp.pipeline.findings import findings as findings
from backstamp.pipeline.forecast import Forecast as Forecast
from backstamp.pipeline.forecast import forecast as forecast
from backstamp.pipeline.history import Change as Change
from backstamp.pipeline.history import Resolved as Resolved
from backstamp.pipeline.history import changes_of as changes_of
from backstamp.pipeline.history import export as export
from backstamp.pipeline.history import resolve as resolve
from backstamp.pipeline.hydrated import own_tables as own_tables
from backstamp.pipeline.linked import Links as Links
from backstamp.pipeline.linked import links as links
from backstamp.pipeline.notifying import tell_of_beginning as tell_of_beginning
from backstamp.pipeline.notifying import try_to_tell as try_to_tell
from backstamp.pipeline.overriding import override as override
from backstamp.pipeline.overview import Overview as Overview
from backstamp.pipeline.overview import Rows as Rows
from backstamp.pipeline.overview import overview as overview
from backstamp.pipeline.profiling import TableProfile as TableProfile
from backstamp.pipeline.profiling import profile as profile
from backstamp.pipeline.profiling import profile_stored as profile_stored
from backstamp.pipeline.published import opened as opened
from backstamp.pipeline.published import unified as unified
from backstamp.pipeline.records import FoundRows as FoundRows
from backstamp.pipeline.records import find_rows as find_rows
from backstamp.pipeline.records import outer_names as outer_names
from backstamp.pipeline.records import row_values as row_values
from backstamp.pipeline.records import shown_tables as shown_tables
from backstamp.pipeline.run import run as run
from backstamp.pipeline.searching import Hit as Hit
from backstamp.pipeline.searching import search as search
from backstamp.pipeline.showing import Customer as Customer
from backstamp.pipeline.showing import Shown as Shown
from backstamp.pipeline.showing import customer as customer
from backstamp.pipeline.showing import customer_of as customer_of
from backstamp.pipeline.showing import show as show
from backstamp.pipeline.stages import Given as Given
from backstamp.pipeline.stages import numbered as numbered
from backstamp.pipeline.stages import unify as unify
from backstamp.pipeline.undoing import drop_columns as drop_columns
from backstamp.pipeline.undoing import require_first as require_first
from backstamp.pipeline.undoing import undo as undo
from backstamp.pipeline.verifying import Verified as Verified
from backstamp.pipeline.verifying import VerifiedTable as VerifiedTable
from backstamp.pipeline.verifying import verify as verify
from backstamp.pipeline.watching import has_changed as has_changed
