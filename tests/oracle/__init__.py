"""The oracle of the laws: unification.md once more, in plain, quadratic Python for small tables.

It is written from that page alone and imports nothing from `backstamp`, so that the two can only agree by being right.

    model        what goes in and what comes out
    normalize    section 2
    compare      section 3: conditions, rules, shared values
    deduplicate  section 4
    match        section 5
    merge        section 6
    identify     section 7, without ids derived from columns
    cluster      clusters, in sections 6 and 7
    unification  `unify`: all of them in order
    local        law 5 of section 8: how far the change of one row can reach
    strategies   random projects, rows and changes for Hypothesis
    mutants      the oracle with one rule changed, to see that the strategies notice it
"""
