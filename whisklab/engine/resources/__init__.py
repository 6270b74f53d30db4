"""What can be wished for on a host: the look, the comparison and the operation of each kind."""
