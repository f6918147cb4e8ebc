"""Cases, recorded exchanges as folders of text files:

case.py           the case, and what today's code makes of it
case_metadata.py  its case.toml
shared_texts.py   what many cases contain, written once beside them
atomic_dir.py     a folder that is there as a whole or not at all
"""
