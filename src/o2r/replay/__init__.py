"""Replay a company's deliveries day by day, faults mixed in, and compare with a full refresh.

It shows that incremental tables equal their own full refresh whatever arrives, and when.
"""

from o2r.replay.faults import FAULTS
from o2r.replay.run import Choices, Report, replay, summary

__all__ = ["FAULTS", "Choices", "Report", "replay", "summary"]
