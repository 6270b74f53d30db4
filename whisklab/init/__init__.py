"""`whisklab init`: an inventory of machines that are there already, of what they themselves say."""
