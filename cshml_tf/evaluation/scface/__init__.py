"""The experiment on SCface: align, embed, fine-tune on 50 people, identify, and set table 5 beside it."""
