"""File systems that a kernel has mounted: local, NFS, EFS, FSx."""
