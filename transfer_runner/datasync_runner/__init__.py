"""The transfer engine: a plan in, a result out; it knows nothing of Kubernetes."""
