"""What people use today for such a search, one file a rival, each run as a program in a problem's folder."""
