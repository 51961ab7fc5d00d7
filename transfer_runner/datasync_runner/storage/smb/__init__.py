"""SMB 2.1 to 3.1.1 in user space: shares as source and destination."""
