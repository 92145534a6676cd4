package live.ditto;

import com.headwater.internal.Paths;
import java.util.List;
import java.util.Map;

/** A place in a document. What stands there is read as what is asked for; if it is something else, as that's zero. */
public class DittoDocumentPath {
    final Map<String, Object> document;
    final String path;

    DittoDocumentPath(Map<String, Object> document, String path) {
        this.document = document;
        this.path = path;
    }

    /** A field of what stands here. */
    public DittoDocumentPath at(String step) {
        return new DittoDocumentPath(document, Paths.join(path, step));
    }

    /** An element of what stands here. */
    public DittoDocumentPath at(int step) {
        return new DittoDocumentPath(document, Paths.join(path, step));
    }

    /** The same, as Kotlin writes it. */
    public DittoDocumentPath get(String step) {
        return at(step);
    }

    /** The same, as Kotlin writes it. */
    public DittoDocumentPath get(int step) {
        return at(step);
    }

    /** What stands there, or null. */
    public Object getValue() {
        return Paths.lookUp(document, path);
    }

    /** The text there, or an empty one. */
    public String getStringValue() {
        Object value = getValue();
        return value instanceof String ? (String) value : "";
    }

    /** The number there, or 0. */
    public int getIntValue() {
        return number().intValue();
    }

    /** The number there, or 0. */
    public long getLongValue() {
        return number().longValue();
    }

    /** The number there, or 0. */
    public double getDoubleValue() {
        return number().doubleValue();
    }

    /** The number there, or 0. */
    public float getFloatValue() {
        return number().floatValue();
    }

    /** Whether true stands there. */
    public boolean getBooleanValue() {
        return Boolean.TRUE.equals(getValue());
    }

    /** The list there, or an empty one. */
    @SuppressWarnings("unchecked")
    public List<Object> getListValue() {
        Object value = getValue();
        return value instanceof List ? (List<Object>) value : List.of();
    }

    /** The object there, or an empty one. */
    @SuppressWarnings("unchecked")
    public Map<String, Object> getDictionaryValue() {
        Object value = getValue();
        return value instanceof Map ? (Map<String, Object>) value : Map.of();
    }

    /** The counter there, if it is a number, or null. */
    public DittoCounter getCounter() {
        Object value = getValue();
        return value instanceof Number ? new DittoCounter((Number) value) : null;
    }

    /** The register there, if something is, or null. */
    public DittoRegister getRegister() {
        Object value = getValue();
        return value == null ? null : new DittoRegister(value);
    }

    private Number number() {
        Object value = getValue();
        return value instanceof Number ? (Number) value : Integer.valueOf(0);
    }
}
