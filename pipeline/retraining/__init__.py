"""When a strategy's model is made anew: triggers over what monitoring found, and one decision from them."""
