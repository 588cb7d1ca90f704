"""Words to people who are not looking: by mail, or to a webhook. What is worth a word is not known here."""

from backstamp.notify.mail import Mail as Mail
from backstamp.notify.message import Message as Message
from backstamp.notify.webhook import Webhook as Webhook
