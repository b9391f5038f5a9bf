"""Every notice as signed JSON, to an address of your own."""
