"""Measures: what customers did, counted and summed.

settings        what the project file says
templates       the usual measures, ready to be filled in
expressions     `sum(amount)` and `status = 'open'`, parsed into values
kinds           whether an expression fits its tables
relationships   the way from a table's rows to the customers
graph           all of these ways, drawn
clock           the time of a run, and the days of a time zone
check           everything that can be said against the settings before a run
rows            the rows that a measure is of, each with its customer; all activities
building        an expression made a calculation
calculation     attributes, measures by customer, measures over all rows
touched         whose measures a change can change
changed         whose values are others than before
"""

from backstamp.measures.calculation import attributes as attributes
from backstamp.measures.calculation import by_customer as by_customer
from backstamp.measures.calculation import made_of as made_of
from backstamp.measures.calculation import of_business as of_business
from backstamp.measures.changed import changed_values as changed_values
from backstamp.measures.check import columns_of as columns_of
from backstamp.measures.check import contradictions as contradictions
from backstamp.measures.check import problems as problems
from backstamp.measures.clock import Clock as Clock
from backstamp.measures.graph import edges as edges
from backstamp.measures.graph import svg as svg
from backstamp.measures.graph import text as text
from backstamp.measures.rows import Given as Given
from backstamp.measures.rows import activities as activities
from backstamp.measures.rows import parts_of as parts_of
from backstamp.measures.rows import some as some
from backstamp.measures.settings import ACTIVITIES as ACTIVITIES
from backstamp.measures.settings import CUSTOMERS as CUSTOMERS
from backstamp.measures.settings import Activity as Activity
from backstamp.measures.settings import DeadBand as DeadBand
from backstamp.measures.settings import Definitions as Definitions
from backstamp.measures.settings import Insight as Insight
from backstamp.measures.settings import Measure as Measure
from backstamp.measures.settings import Relationship as Relationship
from backstamp.measures.settings import calculations as calculations
from backstamp.measures.settings import dead_band as dead_band
from backstamp.measures.settings import foreign_keys as foreign_keys
from backstamp.measures.settings import in_short as in_short
from backstamp.measures.templates import expanded as expanded
from backstamp.measures.templates import of_insight as of_insight
from backstamp.measures.touched import goes_backward as goes_backward
from backstamp.measures.touched import has_moved as has_moved
from backstamp.measures.touched import has_way as has_way
from backstamp.measures.touched import moves as moves
from backstamp.measures.touched import tables_of as tables_of
from backstamp.measures.touched import touched as touched
from backstamp.measures.touched import union as union
