package com.headwater.internal;

import com.headwater.HeadwaterException;

/** How an error becomes an exception: the vendor's names have a class of their own for it. */
@FunctionalInterface
public interface Faults {
    /** An exception of a code of {@code sdks/calls.json}. */
    HeadwaterException of(String code, String message);
}
