"""Deaths by `kill -9` in the middle of mixed work: nothing that was acknowledged is lost, nothing is there twice."""
