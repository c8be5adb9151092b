"""What an operator changes over the console: told beforehand, refused where it rests on an old picture, then done."""
