module datasync.example/testbed/faults

go 1.25
