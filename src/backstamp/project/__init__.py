"""The project file: what a user says, read into frozen values, with its place in every error.

running    what may stand in it of the ledger, the schedule, who is told, and the console
settings   what may stand in the file: the settings of all rooms, and those of the file's own
document   the file as YAML: values, variables, places
mistakes   values of the wrong kind, in our words
checks     values that do not go together
project    the project: read, refused, shown
"""

from backstamp.project.project import Project as Project
from backstamp.project.project import find_ledger as find_ledger
from backstamp.project.project import load as load
from backstamp.project.project import reject as reject
from backstamp.project.project import show as show
from backstamp.project.project import state_folder as state_folder
from backstamp.project.running import Schedule as Schedule
from backstamp.project.running import SingleSignOn as SingleSignOn
from backstamp.project.settings import Certificate as Certificate
from backstamp.project.settings import ClientSecret as ClientSecret
from backstamp.project.settings import Credential as Credential
from backstamp.project.settings import DataverseOrganization as DataverseOrganization
from backstamp.project.settings import Embedded as Embedded
from backstamp.project.settings import EnvironmentSource as EnvironmentSource
from backstamp.project.settings import FileSource as FileSource
from backstamp.project.settings import Organization as Organization
from backstamp.project.settings import OrganizationSource as OrganizationSource
from backstamp.project.settings import SignedIn as SignedIn
from backstamp.project.settings import Token as Token
