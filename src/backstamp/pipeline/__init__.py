"""The order of a run, said once.

describe   what the tables of the sources are, and whether the project fits them
reading    a source table's rows, or what changed of them, into the warehouse
stages     unification: normalize, deduplicate, match, identify, merge
planning   what is to be written to the environment
run        the whole: read, unify, measure, plan, publish, hydrate
findings   what the last published run found, in numbers
"""

from backstamp.pipeline.describe import Described as Described
from backstamp.pipeline.describe import describe as describe
from backstamp.pipeline.findings import Findings as Findings
from backstamp.pipeline.findings import findings as findings
from backstamp.pipeline.run import LEDGER as LEDGER
from backstamp.pipeline.run import WAREHOUSE as WAREHOUSE
from backstamp.pipeline.run import run as run
from backstamp.pipeline.stages import unify as unify
