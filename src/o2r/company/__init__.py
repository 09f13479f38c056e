"""What a company states of itself: its settings, and the tables of its file `company.yml`."""
