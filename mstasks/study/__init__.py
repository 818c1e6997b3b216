"""Studies: arms of a comparison over seeds, run in processes of their own, resumable, with tables and one page."""
