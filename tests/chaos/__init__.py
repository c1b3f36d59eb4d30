"""Everyone at once on one platform: callers, bombs, the impatient and the poisonous, kills, stalls and a full disk."""
