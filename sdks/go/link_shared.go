//go:build !headwater_static

package headwater

// #cgo linux LDFLAGS: -ldl
import "C"

const isStatic = false
