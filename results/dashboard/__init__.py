"""The dashboard: pages and a JSON API over a store, served or exported as files. Statistics are not made
here: what needs them comes through ``Hooks``, from ``bench``."""
