"""The laws of linking (linking.md 7), held by whole runs on a real CRM against an oracle that starts from scratch.

Many sequences of steps go side by side in one project: each has a family of rows of its own, and no two families have a
value in common, so that what becomes of one depends on no other, and a run costs little more than one for a single
family.
"""
