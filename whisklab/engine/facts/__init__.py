"""What hosts are asked, together, and how long an answer is good."""
