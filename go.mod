module github.com/go-selectors/selectors

go 1.24.0

require golang.org/x/sys v0.30.0
