"""Candidate networks: plain torch modules that know nothing of search."""
