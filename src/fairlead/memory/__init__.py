"""What is known of users and sessions, whichever model answers them: what is worth remembering, and how it is told again.

rules.py     what a user's words tell of them, by rules in English and Chinese
asking.py    the same by a model: the question, and how its answer is read
block.py     what is remembered, as a few lines in front of a request
context.py   both together, on top of `store.memories`
settings.py  what of it is configured
"""
