"""The console: web pages for people and an HTTP API for programs, over one project.

application   everything put together
site          what pages and API work with
permissions   who may do what: the table of actions, and the one way a route asks it
pages         how a page is made of a template, and where one goes from there
worker        runs, done in the server's process
charts        numbers as pictures
oidc          single sign-on, as a provider of OpenID Connect wants it

Each other module is one page, or a few that belong together: its routes, with templates of its name.

Route functions have annotations that FastAPI reads while the program runs, so these modules import what they name.
"""

from backstamp.console.application import application as application
from backstamp.console.site import Site as Site
from backstamp.console.worker import Connections as Connections
from backstamp.console.worker import Order as Order
from backstamp.console.worker import Worker as Worker
