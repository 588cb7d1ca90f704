"""Connecting: files, and Dataverse over real HTTP against the embedded CRM."""
