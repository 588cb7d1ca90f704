"""Measures: what customers did, counted and summed.

settings        what the project file says
expressions     `sum(amount)` and `status = 'open'`, parsed into values
relationships   the way from a table's rows to the customers
check           everything that can be said against the settings before a run
attributes      the calculation: one row a customer, one column a measure
"""

from backstamp.measures.attributes import calculate as calculate
from backstamp.measures.check import columns_of as columns_of
from backstamp.measures.check import problems as problems
from backstamp.measures.check import unreadable as unreadable
from backstamp.measures.settings import Measure as Measure
from backstamp.measures.settings import Relationship as Relationship
