"""The order of a run, said once.

describe   what the tables of the sources are, and whether the project fits them
reading    a source table's rows, or what changed of them, into the warehouse
stages     unification: normalize, deduplicate, match, identify, merge
run        the whole: read, unify, measure, plan, publish, hydrate
"""

from backstamp.pipeline.describe import Described as Described
from backstamp.pipeline.describe import describe as describe
from backstamp.pipeline.run import LEDGER as LEDGER
from backstamp.pipeline.run import WAREHOUSE as WAREHOUSE
from backstamp.pipeline.run import run as run
from backstamp.pipeline.stages import unify as unify
