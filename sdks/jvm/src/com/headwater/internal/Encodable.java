package com.headwater.internal;

/** What stands for another value in a message: an id, a counter. */
public interface Encodable {
    /** The value. */
    Object encodable();
}
