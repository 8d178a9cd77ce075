"""Learning what ships: the weights of the classifier, from labelled prompts, with their scores by held-out source."""
