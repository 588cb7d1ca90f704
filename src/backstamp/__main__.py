"""`python -m backstamp` is `backstamp`."""

import sys

from backstamp.cli import main

sys.exit(main())
