"""Semantic types: what a column can mean, in the words of the Common Data Model, and how such columns are called."""

from __future__ import annotations

import re

from backstamp import errors

OWN = re.compile(r"Custom\.[A-Za-z][A-Za-z0-9_]*")
"""Types of a project's own, for what has no name here: `Custom.LoyaltyTier`."""

CALLED: dict[str, str] = {
    "Person.FullName": "fullname name displayname",
    "Person.FirstName": "firstname givenname forename fname",
    "Person.MiddleName": "middlename middleinitial",
    "Person.LastName": "lastname surname familyname lname",
    "Person.Title": "title salutation nameprefix",
    "Person.Suffix": "suffix namesuffix",
    "Person.Nickname": "nickname preferredname",
    "Person.BirthDate": "birthdate birthday birthdayday dateofbirth dob",
    "Person.Gender": "gender gendercode sex",
    "Person.MaritalStatus": "maritalstatus familystatuscode",
    "Person.JobTitle": "jobtitle occupation profession",
    "Person.Language": "language preferredlanguage",
    "Identity.Service.Email": "email emailaddress mail mailaddress",
    "Identity.Service.Phone": "phone phonenumber telephone telephonenumber tel mobile mobilephone mobilenumber",
    "Identity.Service.Phone.Cell": "cell cellphone cellnumber",
    "Identity.Service.Phone.Fax": "fax faxnumber",
    "Identity.Service.Facebook": "facebook",
    "Identity.Service.Instagram": "instagram",
    "Identity.Service.LinkedIn": "linkedin",
    "Identity.Service.Twitter": "twitter",
    "Identity.GovernmentID": "governmentid governmentnumber socialsecuritynumber ssn socsecid nationalid",
    "Location.Address": "fulladdress composite addresscomposite",
    "Location.Street": "street streetaddress streetname address addressline line1 street1",
    "Location.Street2": "street2 address2 addressline2 line2",
    "Location.Street3": "street3 address3 addressline3 line3",
    "Location.City": "city town locality suburb",
    "Location.County": "county",
    "Location.State": "state stateorprovince province",
    "Location.Region": "region",
    "Location.PostalCode": "postalcode postcode zip zipcode",
    "Location.Country": "country countryname countrycode countryorregion",
    "Location.Continent": "continent",
    "Location.Latitude": "latitude lat",
    "Location.Longitude": "longitude lon lng",
    "Location.Timezone": "timezone",
    "Organization.Name": "company companyname organization organizationname organisation employer",
    "Organization.Unit": "department",
    "Organization.Industry": "industry",
    "Reference.URL": "url website websiteurl homepage",
    "Reference.ImageURL": "imageurl photourl avatarurl",
    "Reference.Description": "description",
}
"""Every type that is known, and the words that columns of it are called by, in small letters and digits alone."""

_BEFORE = "(?:new|cr[0-9a-f]{2,5}|customer|contact|member|person|client|primary|main|home|mailing|address1?)*"
"""What can stand before such a word: the prefix of a customization, or whose and which it is."""


def is_known(name: str) -> bool:
    """Tell whether a project file may use a semantic type."""
    return name in CALLED or OWN.fullmatch(name) is not None


def problem_with(name: str) -> str:
    """Return why a name is no semantic type, and what it could be."""
    *_, last = name.split(".")
    ends = {known.rpartition(".")[2].lower(): known for known in CALLED}
    near = ends.get(last.lower()) or errors.nearest(name, CALLED)
    hint = f" Did you mean `{near}`?" if near else ""
    own = f"Custom.{last}"
    ending = f"One of your own would be `{own if OWN.fullmatch(own) else 'Custom.Name'}`."
    return f"`{name}` is no semantic type that is known.{hint} {ending}"


def by_name(column: str) -> str | None:
    """Return the semantic type that the name of a column speaks of, if any.

    Before: `new_birthdate`, `address1_line1`, `LoyaltyTier`. After: Person.BirthDate, Location.Street, None.
    """
    plain = re.sub(r"[\W_]", "", column.lower())
    fitting = (
        name for name, words in CALLED.items() if re.fullmatch(rf"{_BEFORE}(?:{'|'.join(words.split())})", plain)
    )
    return next(fitting, None) or (by_name(plain[:-1]) if plain.endswith("1") else None)
