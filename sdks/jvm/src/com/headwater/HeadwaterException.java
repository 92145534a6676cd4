package com.headwater;

/** Why something was not done. {@link #code} says it for programs, the message for people. */
public class HeadwaterException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final String code;

    /** One of a code of {@link Codes}, or of a newer library. */
    public HeadwaterException(String code, String message) {
        super(message);
        this.code = code;
    }

    /** The same, with what it comes from. */
    public HeadwaterException(String code, String message, Throwable cause) {
        super(message, cause);
        this.code = code;
    }

    /** One of {@link Codes}; a newer library may have others. */
    public String code() {
        return code;
    }

    @Override
    public String toString() {
        return getClass().getName() + ": " + code + ": " + getMessage();
    }
}
