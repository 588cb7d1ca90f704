"""The project file that unifies the made-up company."""

from __future__ import annotations

PROJECT = """\
version: 1
environment:
  kind: embedded
  audience: individuals
sources:
  crm:
    from: environment
    tables: [contact, lead]
  loyalty: {from: files, tables: {member: data/members.csv}}
  shop:    {from: files, tables: {purchase: data/purchases/*.parquet}}
  service: {from: files, tables: {case: data/cases.parquet}}
"""
