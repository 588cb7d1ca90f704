"""What the embedded CRM promises, over real HTTP on a database of its own."""
