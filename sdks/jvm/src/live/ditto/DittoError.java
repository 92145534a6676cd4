package live.ditto;

import com.headwater.HeadwaterException;

/** Why something was not done. */
public final class DittoError extends HeadwaterException {
    private static final long serialVersionUID = 1L;

    /** One of a code of {@link com.headwater.Codes}. */
    public DittoError(String code, String message) {
        super(code, message);
    }
}
