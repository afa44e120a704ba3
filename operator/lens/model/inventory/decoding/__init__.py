"""Objects from the apiserver's bytes, one at a time: a bad object affects no other."""
