"""Linear lumpings of the equations of a model: which sums of its variables have equations of their own."""
