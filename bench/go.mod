module github.com/go-selectors/selectors/bench

go 1.25.0

replace github.com/go-selectors/selectors => ../

require (
	github.com/go-selectors/selectors v0.0.0-00010101000000-000000000000
	golang.org/x/sys v0.47.0
)
