"""Storage behind one port: folders and S3 today; the engine knows the port alone."""
