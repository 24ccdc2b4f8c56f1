"""From one repository to another."""
