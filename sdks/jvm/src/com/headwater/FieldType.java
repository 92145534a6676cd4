package com.headwater;

import com.headwater.internal.Encodable;

/** How writes of several peers to one field come together. */
public enum FieldType implements Encodable {
    /** A number to which several peers add. */
    COUNTER,
    /** A value that is replaced as a whole. */
    REGISTER,
    /** An object whose fields are merged. */
    MAP;

    @Override
    public Object encodable() {
        return name().toLowerCase(java.util.Locale.ROOT);
    }
}
