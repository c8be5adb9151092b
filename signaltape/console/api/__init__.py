"""What the pages read and ask for, as JSON below ``/console/api``: one module a page."""
