"""What pages of several kinds of study have in common."""
