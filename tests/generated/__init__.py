"""Tests that nobody wrote one by one: they walk the table of operations, `gradlab.op.OPS`."""
