"""A made-up company: people with known truth, and what its CRM, its loyalty programme and its shop know of them.

    words      facts about countries
    draw       drawing at random, a column at a time
    lexicon    the words as columns that can be drawn from, country by country
    people     who they are and were: the truth
    noise      what becomes of a value when somebody types it
    rows       what the company's tables say of the people
    tables     the tables themselves, a function each
    company    all tables together, and their files
    project    the project file that unifies them
    load       contacts and leads go into the CRM
    changes    what happens there between two runs

Each column is made whole, by numpy and Arrow; no step goes through the rows one by one.
"""

from __future__ import annotations

from backstamp.demo.changes import Changes as Changes
from backstamp.demo.changes import choose_changes as choose_changes
from backstamp.demo.changes import make_changes as make_changes
from backstamp.demo.company import FILES as FILES
from backstamp.demo.company import TRUTH as TRUTH
from backstamp.demo.company import Company as Company
from backstamp.demo.company import make_company as make_company
from backstamp.demo.company import write_files as write_files
from backstamp.demo.company import write_truth as write_truth
from backstamp.demo.load import load as load
from backstamp.demo.project import PROJECT as PROJECT
