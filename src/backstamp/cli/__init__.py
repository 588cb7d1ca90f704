"""The command line: what people and scripts ask of backstamp, and how it is answered.

    main          the program: its commands, its errors, its exit codes
    options       what several commands take
    display       facts as text, tables and JSON
    progress      what a run does while it goes on
    environment   the CRM reached, and served where nobody serves it yet
    tasks         `run`, `status`, `cancel`
    show          `show`
    explain       `explain`
    evaluate      `evaluate`
    ids           `resolve`, `export`
    check         `check`, with what quality shows of rows
    quality       columns and their values, and what the last run leaves in doubt
    start         `init`, `crm`
    applications  `crm users` and its like
    demo, story   `demo`: what it does, and what it says

What is shown comes from the rooms below as values; words and colours are made here.
"""

from backstamp.cli.main import main as main
