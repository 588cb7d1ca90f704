"""Unification: which rows are the same customer, and what is known of each (unification.md).

The stages, each a function of tables, in order:

    transform    rows in: one row a key, what cannot be used set apart, row filters
    describe     what a project file may say of the tables that there are
    normalize    values made comparable
    deduplicate  groups of duplicates in each table, and their winners
    match        groups of all tables joined into customers
    identify     CustomerIds that stay
    merge        one profile a customer
    cluster      profiles that belong together, such as households

Below them the means that they share: `block` (keys), `decide` (which pairs a rule links), `similar` (texts that are
alike among many), `prefer` (which row goes first), `profile` (which columns it has). What a project file says:
`settings`, its `places` in the file, and `contradictions` within it. Before there is one: the `semantic_types`, and
what `suggest` takes columns for; `profiling` says what columns hold. Of what the stages made, `history` says
what became of ids, `components` which customers hang together, and `touched`, by these, whom a change can touch;
`shown` makes tables to look at, `explain` says why it is so, `evaluate` how right it is, and `guard` what may join
strangers.
"""
