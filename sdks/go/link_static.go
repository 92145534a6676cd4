//go:build headwater_static

package headwater

// #cgo CFLAGS: -DHEADWATER_STATIC
// #cgo LDFLAGS: -l:libheadwater.a -lgcc_s -lpthread -ldl -lm
import "C"

const isStatic = true
