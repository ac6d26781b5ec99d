"""Budgets: who may spend how much in a day or a month, and how it stands.

standing    what is spent, left and to be expected, from rows; spending has the queries
services    the only code that changes budgets
publishing  the file that the gateway refuses calls by
burn_down   the chart of a budget's page
alerts      50, 80 and 100 percent, once a period each
"""
