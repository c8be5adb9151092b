"""The page *Signals*: what comes over ``signals`` live, what is stored, and one signal with all that led to it."""
