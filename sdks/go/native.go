package headwater

// The border: bytes over cgo, and contexts as handles.
//
// Invariants: the library is loaded once, when the first peer is opened, and never unloaded; what the library calls copies
// and returns, and runs no code of an app.
// Not here: what the bytes say (port.go).

// #cgo CFLAGS: -I${SRCDIR}/../c/include
// #include <stdlib.h>
// #include "native.h"
import "C"

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/cgo"
	"strings"
	"sync"
	"unsafe"
)

// libraryVariable names the library, if it does not lie beside the program and the system does not know it.
const libraryVariable = "HEADWATER_LIBRARY"

// told is what a context stands for. It is told on the library's thread, and must not hold that up.
type told interface {
	tell(message []byte)
	drop()
}

//export headwaterTell
func headwaterTell(context C.uintptr_t, message *C.uint8_t, length C.size_t) {
	cgo.Handle(context).Value().(told).tell(copied(message, length))
}

//export headwaterDrop
func headwaterDrop(context C.uintptr_t) {
	handle := cgo.Handle(context)
	told := handle.Value().(told)
	handle.Delete()
	told.drop()
}

func copied(data *C.uint8_t, length C.size_t) []byte {
	return append([]byte(nil), unsafe.Slice((*byte)(data), int(length))...)
}

func bytesOf(message []byte) (*C.uint8_t, C.size_t) {
	if len(message) == 0 {
		return nil, 0
	}
	return (*C.uint8_t)(unsafe.Pointer(&message[0])), C.size_t(len(message))
}

// taken copies an answer and gives it back.
func taken(answer C.native_answer) []byte {
	if answer.data == nil {
		return nil
	}
	message := copied(answer.data, answer.length)
	C.native_free(answer.data, answer.length)
	return message
}

func nativeOpen(config []byte) (peer uint64, answer []byte) {
	data, length := bytesOf(config)
	opened := C.native_open(data, length)
	return uint64(opened.made), taken(opened)
}

func nativeCall(peer uint64, request []byte) []byte {
	data, length := bytesOf(request)
	return taken(C.native_call(C.uint64_t(peer), data, length))
}

// nativeCallOften is for who measures what the library costs without Go.
func nativeCallOften(peer uint64, request []byte, times int) {
	data, length := bytesOf(request)
	C.native_call_often(C.uint64_t(peer), data, length, C.int64_t(times))
}

// nativeCallAsync says whether told will be told.
func nativeCallAsync(peer uint64, request []byte, told told) bool {
	data, length := bytesOf(request)
	return C.native_call_async(C.uint64_t(peer), data, length, C.uintptr_t(cgo.NewHandle(told))) == 0
}

func nativeSubscribe(peer uint64, request []byte, told told) (watch uint64, answer []byte) {
	data, length := bytesOf(request)
	made := C.native_subscribe(C.uint64_t(peer), data, length, C.uintptr_t(cgo.NewHandle(told)))
	return uint64(made.made), taken(made)
}

func nativeUnsubscribe(peer, watch uint64) {
	C.native_unsubscribe(C.uint64_t(peer), C.uint64_t(watch))
}

func nativeClose(peer uint64) {
	C.native_close(C.uint64_t(peer))
}

var (
	loading sync.Mutex
	// loaded is where the library was found.
	loaded string
)

// load finds the library, unless it was found before. Another try may find it elsewhere.
func load() error {
	loading.Lock()
	defer loading.Unlock()
	if loaded != "" {
		return nil
	}
	var faults []string
	for _, place := range libraryPlaces() {
		path := C.CString(place)
		fault := C.native_load(path)
		C.free(unsafe.Pointer(path))
		if fault == nil {
			loaded = place
			return nil
		}
		faults = append(faults, fmt.Sprintf("%s: %s", place, C.GoString(fault)))
		C.free(unsafe.Pointer(fault))
	}
	return newError(ErrUnsupported, "there is no library of Headwater (set %s, or put it beside the program): %s",
		libraryVariable, strings.Join(faults, "; "))
}

// libraryPlaces is where the library may be: the only one if the environment names it.
func libraryPlaces() []string {
	if isStatic {
		return []string{"the program"}
	}
	if named := os.Getenv(libraryVariable); named != "" {
		return []string{named}
	}
	name := "libheadwater.so"
	if runtime.GOOS == "darwin" {
		name = "libheadwater.dylib"
	}
	program, err := os.Executable()
	if err != nil {
		return []string{name}
	}
	return []string{filepath.Join(filepath.Dir(program), name), name}
}
