"""A made-up company: people with known truth, and what its CRM, its loyalty programme and its shop know of them.

    words      facts about countries
    draw       drawing at random, a column at a time
    lexicon    the words as columns that can be drawn from, country by country
    people     who they are and were: the truth
    noise      what becomes of a value when somebody types it
    rows       what the company's tables say of the people
    company    all tables together, and their files
    project    the project file that unifies them

Each column is made whole, by numpy and Arrow; no step goes through the rows one by one.
"""

from __future__ import annotations

from backstamp.demo.company import Company as Company
from backstamp.demo.company import make_company as make_company
from backstamp.demo.company import write_files as write_files
from backstamp.demo.project import PROJECT as PROJECT
