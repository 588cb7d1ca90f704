"""Tests of linking, against a real warehouse, a real ledger and the embedded CRM over HTTP."""
