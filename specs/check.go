package specs

// invalid is the error for a value that breaks a rule.
func invalid(field, problem, hint string) error {
	return &Error{Field: field, Problem: problem, Hint: hint, Kind: ErrInvalid}
}

// unsupported is the error for a value that is right but not for us.
func unsupported(field, problem, hint string) error {
	return &Error{Field: field, Problem: problem, Hint: hint, Kind: ErrUnsupported}
}
