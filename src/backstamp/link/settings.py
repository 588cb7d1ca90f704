"""What a project file says about linking (linking.md 2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Link:
    """How our tables and columns in the environment are named.

    Attributes:
        prefix: of every table and column that we make: a publisher's, in small letters, with its underscore.
        display_name: of the lookup column, as users of the environment read it.
    """

    __pydantic_config__: ClassVar = {"extra": "forbid"}

    prefix: str = "msdynci_"
    display_name: str = "CustomerProfile"
