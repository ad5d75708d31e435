package warm

const (
	sysMadvise = 28
	sysPrctl   = 157
)
