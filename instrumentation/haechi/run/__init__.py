"""The directory that ``haechi run`` puts in front on PYTHONPATH. It holds one module and must hold no other."""
