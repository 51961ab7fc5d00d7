"""SMB 2.1 to 3.1.1 in user space: shares as source and destination."""

from datasync_api import loading

# What logs on would load all of X.509 for CredSSP, which no SMB server speaks: 13 ms, a third of
# the time that this package takes to load.
loading.leave_out("spnego._credssp", CredSSPProxy=type)
