"""The project file that unifies the made-up company."""

from __future__ import annotations

PROJECT = """\
# The project file of the demo company. `backstamp check` says what it means, `backstamp run` does it.
version: 1

environment:
  kind: embedded              # the CRM that comes with backstamp; `dataverse` for a Dynamics 365 organization
  audience: individuals

# What is read: tables of the CRM itself, and files beside this one. A table is called source.table from here on.
sources:
  crm:     {from: environment, tables: [contact, lead]}
  loyalty:
    from: files
    tables:                   # a CSV file is all text: say what its columns stand for where that matters
      member: {path: data/members.csv, types: {birthdate: date, joinedon: date, lastvisit: time, points: integer}}
  shop:    {from: files, tables: {purchase: {path: data/purchases/*.parquet, key: purchaseid}}}
  service: {from: files, tables: {case: {path: data/cases.parquet, key: caseid}}}
  analytics: {from: files, tables: {score: {path: data/scores.parquet, key: scoreid}}}

unify:
  # The tables that hold people, the most trusted first. Semantic types say what a column means: columns of one type
  # become one column of the profile.
  tables:
    - table: crm.contact
      key: contactid
      default_region: US          # where a telephone number without a country code is from
      types:
        firstname: Person.FirstName
        lastname: Person.LastName
        emailaddress1: Identity.Service.Email
        birthdate: Person.BirthDate
        jobtitle: Person.JobTitle
        address1_line1: Location.Street
        address1_city: Location.City
        address1_postalcode: Location.PostalCode
        address1_country: Location.Country
      # Which contacts are the same person twice, and which of them stands for the others.
      deduplicate:
        rules:
          - name: Email and first name
            match:
              - {column: emailaddress1, normalize: [lowercase, whitespace]}
              - {column: firstname, normalize: [unicode_to_ascii, name], precision: low}
          - name: Email and birth date
            match:
              - {column: emailaddress1, normalize: [lowercase, whitespace]}
              - {column: birthdate}
          - name: Phone and last name
            match:
              - {column: mobilephone, normalize: [phone]}
              - {column: lastname, normalize: [unicode_to_ascii, whitespace, symbols], precision: high}
            max_rows_per_key: 20      # a number on more rows is nobody's own: 0000000000
          - name: Name and birth date
            match:
              - {column: birthdate}
              - {column: firstname, normalize: [unicode_to_ascii, name], precision: high}
              - {column: lastname, normalize: [unicode_to_ascii, whitespace, symbols], precision: high}
          - name: Name and postal code
            match:
              - {column: firstname, normalize: [unicode_to_ascii, name]}
              - {column: lastname, normalize: [unicode_to_ascii, whitespace, symbols]}
              - {column: address1_postalcode, normalize: [lowercase, whitespace, symbols]}
        keep: {most_recent: lastusedincampaign}

    # Without deduplication rules of its own a table uses the rules below, by which it matches other tables.
    - table: crm.lead
      key: leadid
      include_all: true       # a lead that is no known customer becomes a new one
      default_region: US
      types:
        firstname: Person.FirstName
        lastname: Person.LastName
        emailaddress1: Identity.Service.Email
        new_birthdate: Person.BirthDate
        address1_line1: Location.Street
        address1_city: Location.City
        address1_postalcode: Location.PostalCode
        address1_country: Location.Country
      deduplicate: {keep: {most_recent: lastusedincampaign}}

    - table: loyalty.member
      key: memberid
      include_all: true
      default_region: US
      types:
        firstname: Person.FirstName
        lastname: Person.LastName
        email: Identity.Service.Email
        birthdate: Person.BirthDate
        street: Location.Street
        city: Location.City
        postalcode: Location.PostalCode
        country: Location.Country

  # Which rows of a table are which person of a table above it. Conditions of a rule must all hold; the first rule that
  # finds somebody decides. A couple may share an e-mail address, a family its name and phone: no rule trusts one alone.
  match:
    - between: [crm.lead, crm.contact]
      rules:
        - name: Email and first name
          match:
            - {columns: [emailaddress1, emailaddress1], normalize: [lowercase, whitespace]}
            - {columns: [firstname, firstname], normalize: [unicode_to_ascii, name], precision: low}
        - name: Email and birth date
          match:
            - {columns: [emailaddress1, emailaddress1], normalize: [lowercase, whitespace]}
            - {columns: [new_birthdate, birthdate]}
        - name: Phone and last name
          match:
            - {columns: [mobilephone, mobilephone], normalize: [phone]}
            - {columns: [lastname, lastname], normalize: [unicode_to_ascii, whitespace, symbols], precision: high}
          max_rows_per_key: 20
        - name: Name and birth date
          match:
            - {columns: [new_birthdate, birthdate]}
            - {columns: [firstname, firstname], normalize: [unicode_to_ascii, name], precision: high}
            - {columns: [lastname, lastname], normalize: [unicode_to_ascii, whitespace, symbols], precision: high}
        - name: Name and postal code
          match:
            - {columns: [firstname, firstname], normalize: [unicode_to_ascii, name]}
            - {columns: [lastname, lastname], normalize: [unicode_to_ascii, whitespace, symbols]}
            - {columns: [address1_postalcode, address1_postalcode], normalize: [lowercase, whitespace, symbols]}

    - between: [loyalty.member, crm.contact]
      rules:
        - name: Email and first name
          match:
            - {columns: [email, emailaddress1], normalize: [lowercase, whitespace]}
            - {columns: [firstname, firstname], normalize: [unicode_to_ascii, name], precision: low}
        - name: Email and birth date
          match:
            - {columns: [email, emailaddress1], normalize: [lowercase, whitespace]}
            - {columns: [birthdate, birthdate]}
        - name: Phone and last name
          match:
            - {columns: [phone, mobilephone], normalize: [phone]}
            - {columns: [lastname, lastname], normalize: [unicode_to_ascii, whitespace, symbols], precision: high}
          max_rows_per_key: 20
        - name: Name and birth date
          match:
            - {columns: [birthdate, birthdate]}
            - {columns: [firstname, firstname], normalize: [unicode_to_ascii, name], precision: high}
            - {columns: [lastname, lastname], normalize: [unicode_to_ascii, whitespace, symbols], precision: high}
        - name: Name and postal code
          match:
            - {columns: [firstname, firstname], normalize: [unicode_to_ascii, name]}
            - {columns: [lastname, lastname], normalize: [unicode_to_ascii, whitespace, symbols]}
            - {columns: [postalcode, address1_postalcode], normalize: [lowercase, whitespace, symbols]}

    - between: [loyalty.member, crm.lead]
      rules:
        - name: Email and first name
          match:
            - {columns: [email, emailaddress1], normalize: [lowercase, whitespace]}
            - {columns: [firstname, firstname], normalize: [unicode_to_ascii, name], precision: low}
        - name: Email and birth date
          match:
            - {columns: [email, emailaddress1], normalize: [lowercase, whitespace]}
            - {columns: [birthdate, new_birthdate]}
        - name: Phone and last name
          match:
            - {columns: [phone, mobilephone], normalize: [phone]}
            - {columns: [lastname, lastname], normalize: [unicode_to_ascii, whitespace, symbols], precision: high}
          max_rows_per_key: 20
        - name: Name and birth date
          match:
            - {columns: [birthdate, new_birthdate]}
            - {columns: [firstname, firstname], normalize: [unicode_to_ascii, name], precision: high}
            - {columns: [lastname, lastname], normalize: [unicode_to_ascii, whitespace, symbols], precision: high}
        - name: Name and postal code
          match:
            - {columns: [firstname, firstname], normalize: [unicode_to_ascii, name]}
            - {columns: [lastname, lastname], normalize: [unicode_to_ascii, whitespace, symbols]}
            - {columns: [postalcode, address1_postalcode], normalize: [lowercase, whitespace, symbols]}

  # Columns of the profile that need more than a semantic type.
  profile:
    columns:
      Email:
        from: [crm.contact.emailaddress1, crm.lead.emailaddress1, loyalty.member.email]
        prefer:
          most_recent: {crm.contact: lastusedincampaign, crm.lead: lastusedincampaign, loyalty.member: lastvisit}
      Phone:
        from: [crm.contact.mobilephone, crm.lead.mobilephone, loyalty.member.phone]
        prefer:
          most_recent: {crm.contact: lastusedincampaign, crm.lead: lastusedincampaign, loyalty.member: lastvisit}
      LoyaltyTier: {from: [loyalty.member.tier]}

# Whose purchases, service cases and scores are: the contact's, and so the customer's that the contact is.
relationships:
  - {from: shop.purchase.contactid, to: crm.contact.contactid}
  - {from: service.case.contactid, to: crm.contact.contactid}
  - {from: analytics.score.contactid, to: crm.contact.contactid}

# What happened, in one table for all.
activities:
  - {table: shop.purchase, type: Purchase, time: purchasedon, title: channel, detail: [amount]}
  - {table: service.case, type: Case, time: openedon, title: subject, detail: [status]}

# What customers did. An attribute is one value for each, a customer measure a table of its own, a business measure is
# over all; days and months are those of `time_zone` (UTC where it is left out).
measures:
  LifetimePurchases: {kind: attribute, of: shop.purchase, template: total_value, columns: {amount: amount}}
  LastPurchase:      {kind: attribute, of: shop.purchase, value: max(purchasedon)}
  OpenCases:         {kind: attribute, of: service.case, value: count(*), where: "status = 'open'"}
  DaysSinceLastCase: {kind: attribute, of: service.case, value: "date_diff('day', max(openedon), current_date)"}
  LoyaltyTier:       {kind: attribute, of: loyalty.member, value: "last(tier, lastvisit)"}
  PurchasesLast4Months:
    {kind: customer, of: shop.purchase, value: count(*), where: purchasedon >= current_date - interval 4 month}
  PurchasesByChannel:
    {kind: customer, of: shop.purchase, values: {Purchases: count(*), Spent: sum(amount)}, dimensions: [channel]}
  SpentByTier:
    {kind: business, of: customers, value: avg(LifetimePurchases), dimensions: [LoyaltyTier]}

# What others have calculated of customers: the newest score counts.
insights:
  ChurnRisk: {table: analytics.score, score: score, time: scoredon}

# What the CRM gets besides profiles, links and the measures by customer alone; leave out what nobody looks at there.
hydrate: [attributes, activities, business, insights]
"""
