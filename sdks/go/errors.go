package headwater

import (
	"fmt"
)

// Code says for programs why something was not done: errors.Is(err, headwater.ErrInUse).
type Code string

// Error makes a code something that errors.Is finds.
func (code Code) Error() string {
	return string(code)
}

// Error is why something was not done: the one type of errors of this package.
type Error struct {
	// Code says it for programs. A newer library may have others than those of this package.
	Code Code
	// Message says it for people.
	Message string
	cause   error
}

func (err *Error) Error() string {
	return fmt.Sprintf("%s (%s)", err.Message, string(err.Code))
}

// Is says whether another is its code.
func (err *Error) Is(other error) bool {
	code, isCode := other.(Code)
	return isCode && code == err.Code
}

// Unwrap is what it came of, such as context.DeadlineExceeded.
func (err *Error) Unwrap() error {
	return err.cause
}

func newError(code Code, format string, arguments ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, arguments...)}
}

// errorOf is the error of an answer or an event.
func errorOf(message any) *Error {
	fields, _ := message.(Document)
	code, _ := fields["code"].(string)
	text, _ := fields["message"].(string)
	if code == "" {
		code = string(ErrInternal)
	}
	return &Error{Code: Code(code), Message: text}
}
