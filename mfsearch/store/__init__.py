"""The append-only event store, and the state that its events fold into."""
