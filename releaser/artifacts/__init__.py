"""Reads what builds made: artifacts and releases on hosts, for inspect, diff and verify.

Open `outline` first: what is in one, as values.
"""
