"""MariaDB as a store."""
