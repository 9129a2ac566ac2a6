"""The native part of cowtm in plain Python: its specification, and what runs where no C was built.

Every test of the native part runs on both; `cowtm.native` chooses one of them and says why.
"""
