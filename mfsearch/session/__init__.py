"""A whole run: from a config to an answer with its report, weights and reasons; started, resumed, or only looked at."""
