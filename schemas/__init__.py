"""Messages on the wire: what every part of the pipeline, and every outside client, agrees on."""
